"""The study report of a run: its women, its data and model, its results."""
