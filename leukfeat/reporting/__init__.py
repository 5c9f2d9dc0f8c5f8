"""Figures and pages from plain tables."""
