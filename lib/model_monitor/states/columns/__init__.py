"""Metrics of numeric columns, one module each: found by being here (`states/column_metrics.py` says what a module holds)."""
