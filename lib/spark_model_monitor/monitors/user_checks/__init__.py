"""Users' own Deequ checks: planned before the scan, answered from states if these are sufficient, and judged after the scan."""
