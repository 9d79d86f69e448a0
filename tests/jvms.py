"""Java virtual machines of tests."""

SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""Options of one that runs for some seconds, as hundreds do: what the second compiler does comes too late for it."""
