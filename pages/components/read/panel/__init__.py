"""The scores of a case on one small panel, drawn in the browser."""
