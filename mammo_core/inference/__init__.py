"""Scoring images with a checkpoint."""
