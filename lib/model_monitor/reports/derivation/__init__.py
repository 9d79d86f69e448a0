"""How a number in checks.json came about: `model-monitor explain FEATURE --run DIR`. From the files of a run, without a JVM.

tables.py: two distributions side by side. explanations.py: a feature's checks with their numbers. runs.py: what the files of a
run and of its baseline say of a feature. text.py: all of it for people.
"""
