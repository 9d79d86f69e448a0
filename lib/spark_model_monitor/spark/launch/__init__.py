"""The steps before Spark starts: finds Java and JARs, builds the options and the command of a job. Standard library only."""
