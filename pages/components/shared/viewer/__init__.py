"""The image viewer: a component drawn in the browser."""
