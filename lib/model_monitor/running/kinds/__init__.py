"""TODO running/kinds"""
