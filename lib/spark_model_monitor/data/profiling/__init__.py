"""The scan: executors compute a frame's mergeable states, which the driver adds up and evaluates with Deequ."""
