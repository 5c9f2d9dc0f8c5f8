"""White cells, nuclei and cytoplasm as masks."""
