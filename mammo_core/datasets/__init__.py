"""Data sets: read by adapters, split by woman, audited before a model learns them."""
