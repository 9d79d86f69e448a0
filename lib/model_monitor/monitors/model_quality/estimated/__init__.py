"""The quality of predictions before their labels come, estimated by what the scores were worth in the baseline."""
