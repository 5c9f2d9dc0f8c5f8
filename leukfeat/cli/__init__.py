"""The command line: one file a command."""

from leukfeat.cli.app import main

__all__ = ["main"]
