"""Figures of merit and their intervals, on plain arrays."""
