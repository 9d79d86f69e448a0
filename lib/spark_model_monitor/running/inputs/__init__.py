"""The inputs of a job according to its configuration: the data for each kind of monitor, window and baseline."""
