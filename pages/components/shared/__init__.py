"""What several pages use: frame, caches, pickers, viewer, case list, gallery."""
