"""Explainability: which features move a model's answers, by Shapley values of its predictions, and whether that changes."""
