"""Whole smear fields: finding and counting their cells."""
