"""What the pages share: frame, caches, pickers, and the components drawn in the browser."""
