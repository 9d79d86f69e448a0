"""From bytes to states: records, data sets, partitions and the scan."""
