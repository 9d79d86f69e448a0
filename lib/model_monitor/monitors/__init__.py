"""What is judged: data quality, model quality, bias and attributions, a check or metric a file."""
