"""Monitors of data quality, model quality, bias and attributions. Each check or metric is one function.

`protocol.py` is the interface between a run and its monitor. In each package `monitor.py` turns states into documents
and verdicts, and a module named after its page makes the report. `data_quality/` has rooms: `data_quality/baseline/`,
`data_quality/distribution/`, `data_quality/checks/`, `data_quality/hints/`, `data_quality/causes/` and
`data_quality/report/`. `model_quality/`, `bias/` and `explainability/` have one level of modules; `predictors/` has the
models that explanations call; `user_checks/` has users' own Deequ checks.
"""
