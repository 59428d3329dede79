"""What several pages use: frame, caches, pickers, viewer, gallery."""
