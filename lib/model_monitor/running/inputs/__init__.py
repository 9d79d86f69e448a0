"""What a job reads, as its configuration says: the data of each kind of monitor, its window and its baseline."""
