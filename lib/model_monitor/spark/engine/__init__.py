"""TODO spark/engine"""
