"""Evaluation, cross-validation, comparison and audit by subject."""
