"""Synthetic mammograms with known truth: for samples, demonstrations and tests."""
