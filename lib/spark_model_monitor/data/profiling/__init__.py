"""The scan: executors compute mergeable states of a data set; the driver adds them and computes metrics from the sums."""
