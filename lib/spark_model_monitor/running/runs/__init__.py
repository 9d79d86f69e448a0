"""A run: a data set and a monitor give a baseline; a later data set and that baseline give findings."""
