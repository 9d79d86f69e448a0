"""The results of a run for people. Pure.

sentences.py: each violation in words. charts.py: a feature's distribution in a window and in its baseline. feature_page.py: the
page. service_format.py: files and messages in the order and the words of the service.
"""
