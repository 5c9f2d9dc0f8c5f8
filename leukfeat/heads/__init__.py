"""Numbers to labels: the registry of heads, fitting and ensembles."""
