"""The model-quality monitor: compares predictions with the labels that arrive later."""
