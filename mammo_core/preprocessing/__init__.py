"""From a file to what a model sees: reading, finding the breast, cropping, resizing, and back."""
