"""The data-quality monitor: what a data set looks like, what to ask of later ones, and whether they comply."""
