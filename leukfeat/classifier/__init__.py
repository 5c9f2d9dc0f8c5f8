"""A head and its extractor in one file."""
