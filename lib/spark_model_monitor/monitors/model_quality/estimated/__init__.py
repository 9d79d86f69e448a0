"""The quality of predictions before their labels arrive, estimated from what the scores meant in the baseline."""
