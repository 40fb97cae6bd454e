"""Data sets as arrays of uint8 images: shipped, from torchvision, or from a folder."""
