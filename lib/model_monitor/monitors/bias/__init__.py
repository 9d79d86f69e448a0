"""The bias monitor: metrics of a sensitive group beside the rest, made from one count table per facet."""
