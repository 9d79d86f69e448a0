"""Both engines leave the same of windows with odd records: their accounts and their violations."""

from __future__ import annotations

import json

import pytest
from tests.fuzz.law import SECONDS, try_seeds
from tests.fuzz.odd_records import KINDS, Law

ON_SPARK = [
    kind
    for kind in KINDS
    if kind.name in ("data-jsonl", "data-json", "BinaryClassification-csv", "bias-csv", "bias-merged", "shap-csv")
]
SHARE = 0.3 / len(ON_SPARK)

pytestmark = pytest.mark.timeout(SECONDS + 600)


@pytest.mark.parametrize("kind", ON_SPARK, ids=lambda kind: kind.name)
def test_both_engines_refuse_the_same_records(kind, spark, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "local").mkdir()
    (tmp_path / "spark").mkdir()
    local, on_spark = (Law(kind, tmp_path / engine, "--engine", engine) for engine in ("local", "spark"))

    def hold(seed):
        for local_run, spark_run in zip(local.hold(seed), on_spark.hold(seed), strict=True):
            assert spark_run.records == local_run.records
            violations = [
                json.loads(ended.files.get("constraint_violations.json", b"{}")) for ended in (local_run, spark_run)
            ]
            assert violations[0] == violations[1]

    try_seeds("window", SECONDS * SHARE, hold)
