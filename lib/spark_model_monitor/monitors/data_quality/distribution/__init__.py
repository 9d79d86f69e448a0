"""One column: its distribution, and whether that changed by more than chance. Pure.

always_new.py: values that are new by nature, such as keys and dates. feature_distribution.py: `FeatureDistribution`, from
states or from statistics.json. window_history.py: the statistics that a run leaves to later ones. group_names.py: values
that name groups of rows. design_effects.py: how many of a window's rows count as one. column_tests.py: the tests of a
column. calibration.py: the verdict on its drift.
"""
