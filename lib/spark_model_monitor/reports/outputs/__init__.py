"""Documents and metrics go out."""
