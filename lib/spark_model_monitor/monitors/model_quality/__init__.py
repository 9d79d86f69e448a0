"""The model-quality monitor: compares predictions with what really happened."""
