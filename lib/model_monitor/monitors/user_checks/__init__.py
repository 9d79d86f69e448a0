"""TODO monitors/user_checks"""
