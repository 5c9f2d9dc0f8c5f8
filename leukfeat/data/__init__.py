"""Where cells come from: datasets, loaders and the procedural generator."""
