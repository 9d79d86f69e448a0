"""TODO profiling"""
