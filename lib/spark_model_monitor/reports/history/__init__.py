"""Past runs: their states, which can be merged without reading a row again."""
