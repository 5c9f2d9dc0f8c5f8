"""The command line: one file a command."""

from leukfeat.cli.entry import main

__all__ = ["main"]
