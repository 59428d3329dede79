"""Runs on disk: their folder, their process, their model card."""
