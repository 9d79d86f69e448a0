"""What is judged: data quality, model quality, bias and attributions. Each check or metric is a function.

`protocol.py` is the interface between a run and its monitor. In each package `monitor.py` turns states into documents
and verdicts, and `page.py` makes the report. `data_quality/suggestion.py`: constraints for later data.
`data_quality/checks/`: the checks, with their texts in `messages.py`. `data_quality/hints/`: what looks wrong but isn't
a violation. `model_quality/`, `bias/` and `explainability/` have the same layout; `predictors/` are the models that
explanations call. `user_checks/`: users' own Deequ checks.
"""
