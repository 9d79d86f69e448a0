"""What later data is compared with: documents, limits and states of a baseline. Pure.

documents.py: statistics.json and constraints.json from a profile, with the rules that suggest limits.
suggested_rules.py: rules for a person to choose from.
quality_baseline.py: `QualityBaseline`, a baseline's files together with what earlier windows left. baseline_feature.py: one
feature of it, and which of its limits were suggested.
"""
