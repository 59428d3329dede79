"""A checkpoint as it is handed on: folds joined into one, its card counted anew."""
