"""The case list, and the panel in which it opens beside the viewer."""
