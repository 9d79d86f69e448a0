"""Prints what Dagster makes of examples/orchestration/dagster_orders.py in this folder."""

import json

from dagster import materialize
from dagster_orders import orders, orders_look_like_the_baseline

result = materialize([orders, orders_look_like_the_baseline], raise_on_error=False)
[check] = result.get_asset_check_evaluations()
report = {"passed": check.passed, "violations": check.metadata["violations"].value, "description": check.description}
print(json.dumps({**report, "succeeded": result.success}))
