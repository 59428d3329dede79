"""A checkpoint as it is handed on: folds joined into one, every figure of its card counted anew."""
