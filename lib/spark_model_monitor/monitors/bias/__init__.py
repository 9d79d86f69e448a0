"""The bias monitor: metrics that compare a sensitive group with all other rows, computed from one table of counts per facet."""
