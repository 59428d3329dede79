"""The networks of published models, put together from parts of timm and torchvision's layouts."""
