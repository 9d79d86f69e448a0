"""Metrics of numeric columns, one module each: found by being here (`statistics/states/column_metrics.py` says what a
module holds).
"""
