"""The example that `model-monitor demo` runs: a made-up churn data set, its baseline, and what was found in it.

`churn.py` draws the customers, `traffic.py` the captured requests and the planted fault, `data_set.py` writes them,
`run.py` is the command. Ships in the wheel, so that the demo needs no clone.
"""
