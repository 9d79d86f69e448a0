"""TODO model_quality"""
