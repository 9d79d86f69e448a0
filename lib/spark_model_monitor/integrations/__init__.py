"""Connections with other products: EMR, descriptions of the service's schedules, the demo.

`emr/` ships a job to a cluster and waits. `imports/` converts the service's schedules into ours.
`leaving/` reports what a team has at the service and how it runs here. `demo/` generates a day of
traffic, monitors it and says what is wrong.
"""
