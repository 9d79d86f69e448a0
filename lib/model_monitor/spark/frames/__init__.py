"""TODO spark/frames"""
