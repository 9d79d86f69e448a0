"""The model-quality monitor: predictions beside what really happened."""
