"""TODO bias"""
