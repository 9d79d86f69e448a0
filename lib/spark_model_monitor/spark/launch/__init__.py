"""Everything before Spark: its Java, its JARs, its options, the command that starts a job. Standard library only."""
