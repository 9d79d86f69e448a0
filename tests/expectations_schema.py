"""Prints the JSON Schema of the file of `--expectations`, for editors: docs/static/expectations.schema.json.

python -m tests.expectations_schema
"""

from __future__ import annotations

from typing import Any

from spark_model_monitor.documents import json_text
from spark_model_monitor.documents.rules_file import Expectations

WHOLE = {"type": "integer"}
BOUNDS = [
    {"minimum": 0, **WHOLE},
    {"additionalProperties": False, "properties": {"min": WHOLE, "max": WHOLE}, "type": "object"},
]


def schema() -> str:
    """What the models say, with the shorter ways to write a member beside it."""
    schema_document: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Expectations.model_json_schema(),
    }
    of_rows = schema_document["properties"]
    of_feature = schema_document["$defs"]["FeatureExpectations"]["properties"]
    rules = of_rows["features"]["additionalProperties"]
    row = of_rows["row_rules"]
    of_rows["features"]["additionalProperties"] = {"anyOf": [rules["items"], rules]}
    row["items"] = {"anyOf": [{"type": "string"}, row["items"]]}
    of_feature["not_null"]["anyOf"].insert(0, {"type": "boolean"})
    del schema_document["$defs"]["Bounds"]
    for bounded in (of_rows["rows"], of_feature["length"]):
        bounded["anyOf"][:1] = BOUNDS
    return json_text.dump(schema_document)


if __name__ == "__main__":
    print(schema())
