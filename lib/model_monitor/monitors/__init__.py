"""What is judged: data quality, model quality, bias and attributions, a check or metric a function.

`protocol.py` is what a run asks of a monitor. In each package `monitor.py` goes from states to documents and verdicts, and
`page.py` says what people see. `data_quality/suggestion.py`: what is asked of later data. `data_quality/checks/`: what a
violation is, its texts in `messages.py`. `data_quality/hints/`: what looks wrong and is no violation. `model_quality/`,
`bias/` and `explainability/` have the same shape; `predictors/` are the models that explanations ask. `user_checks/`:
Deequ's checks that users write.
"""
