"""The published systems as small configuration files."""
