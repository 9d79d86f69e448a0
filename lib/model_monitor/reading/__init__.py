"""TODO reading"""
