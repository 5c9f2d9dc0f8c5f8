"""Who may stand on which side of a split."""
