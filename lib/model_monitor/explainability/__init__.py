"""TODO explainability"""
