"""Pixels to numbers: feature spaces, backbones, engines and the store."""
