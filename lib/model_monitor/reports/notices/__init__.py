"""What a monitoring run says to people and systems: a report, put into words, on its way to sinks. Driver only.

reports.py: what is said. messages.py: in which words. destinations.py: to whom. delivery.py: sending it. attempts.py, aws.py,
environment.py: what sinks (`reports/sinks/`) send it with.
"""
