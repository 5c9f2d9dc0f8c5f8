"""What happens to pixels: reading, preparation, segmentation, counting."""
