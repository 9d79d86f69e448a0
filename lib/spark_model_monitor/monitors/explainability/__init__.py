"""Explainability: which features change a model's answers, measured by Shapley values, and whether this changes over time."""
