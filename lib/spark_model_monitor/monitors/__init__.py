"""What is judged: data quality, model quality, bias and attributions. Each check or metric is a function.

`protocol.py` is the interface between a run and its monitor. In each package `monitor.py` turns states into documents
and verdicts, and `page.py` makes the report. `data_quality/` has a room for each step: `baseline/`, `distribution/`,
`checks/`, `hints/`, `causes/` and `report/`. `model_quality/`, `bias/` and `explainability/` have a module for each;
`predictors/` are the models that explanations call. `user_checks/`: users' own Deequ checks.
"""
