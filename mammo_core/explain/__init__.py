"""Which part of an image moved the score."""
