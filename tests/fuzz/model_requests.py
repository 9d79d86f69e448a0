"""Records with odd texts and the templates that send them to a model server, made from a seed, and the law of requests.

The law: a request is JSON, and the model gets exactly the names and values of the record, wherever the template puts them.
"""

from __future__ import annotations

import json
import random

from pydantic import JsonValue
from tests.fuzz.damage import ODD_TEXTS

from spark_model_monitor.monitors.predictors.http import EndpointFormat

PLACEHOLDERS = (
    "$features_kvp",
    "$feature_names",
    "$features",
    "$records",
    "$record",
    "$",
    "${x}",
    "${nosuch}",
    "${",
    "}",
)
"""What a template may have, and a text of a record may look like."""

Record = dict[str, JsonValue]


def _odd_text(rng: random.Random) -> str:
    texts = [text for text in ODD_TEXTS if text.isprintable()]
    pieces = [rng.choice((*PLACEHOLDERS, *texts)) for _ in range(rng.randint(1, 4))]
    return "".join(pieces)


def make_records(rng: random.Random) -> list[Record]:
    """Records with the same features: `x`, and some with odd names."""
    names = ["x", *{_odd_text(rng) for _ in range(3)} - {"x"}]
    values = (lambda: _odd_text(rng), lambda: rng.randint(-9, 9), lambda: None, lambda: rng.random())
    return [{name: rng.choice(values)() for name in names} for _ in range(rng.randint(1, 4))]


def require_law(seed: int) -> None:
    """Raises AssertionError if a request breaks the law."""
    rng = random.Random(seed)
    records = make_records(rng)
    names = list(records[0])
    rows = [list(record.values()) for record in records]

    # A template with each kind of placeholder, and what it has to become
    template = '{"kvp":$features_kvp,"names":$feature_names,"row":$features,"x":"${x}","y":${x}}'
    if rng.random() < 0.5:
        template = template.replace(",", " ,\t")
    expected = [
        {"kvp": record, "names": names, "row": row, "x": record["x"], "y": record["x"]}
        for record, row in zip(records, rows, strict=True)
    ]

    content = rng.choice(('{"instances":$records}', {"instances": "$records"}))
    members = {"content_type": "application/json", "content_template": content, "record_template": template}
    assert json.loads(EndpointFormat(members).write_body(names, rows)) == {"instances": expected}

    members["content_template"] = '{"instance":$record}'
    assert json.loads(EndpointFormat(members).write_body(names, rows[:1])) == {"instance": expected[0]}

    lines = EndpointFormat({"content_type": "application/jsonlines", "content_template": '{"row":$features}'})
    assert [json.loads(line) for line in lines.write_body(names, rows).split(b"\n")] == [{"row": row} for row in rows]
