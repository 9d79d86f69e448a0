"""The bias monitor: metrics that compare a sensitive group with the rest, computed from one count table per facet."""
