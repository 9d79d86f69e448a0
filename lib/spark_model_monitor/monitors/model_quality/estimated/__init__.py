"""The quality of predictions before their labels arrive, estimated from what scores meant in the baseline."""
