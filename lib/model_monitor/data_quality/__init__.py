"""TODO data_quality"""
