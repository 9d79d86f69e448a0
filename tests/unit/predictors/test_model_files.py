"""Bounds of a model's file: deep JSON and archives that hold much more than they weigh."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile

import pytest

from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.monitors.predictors.model_files import (
    measure_json_depth,
    require_shallow_json,
    require_small_archive,
)


@pytest.mark.parametrize(
    ("text", "depth"), [("1", 0), ('{"a":[1,[2]]}', 3), ("[[]][[[]]]", 3), ("[" * 2_000_000, 2_000_000)]
)
def test_depth_of_json(text, depth):
    assert measure_json_depth(text.encode()) == depth


def test_a_binary_model_is_left_to_its_reader():
    require_shallow_json("m.ubj", b"{L" + b"[" * 100_000)


def test_a_deep_model_is_a_sentence_and_brackets_in_names_are_not_deep():
    require_shallow_json("m.json", json.dumps({"feature_names": ["[" * 5_000]}).encode())
    with pytest.raises(BadConfiguration, match=r"the model m\.json is nested deeper than 1,000 levels"):
        require_shallow_json("m.json", b"[" * 100_000 + b"]" * 100_000)


def test_an_archive_that_holds_much_more_than_it_weighs_is_a_sentence():
    file = io.BytesIO()
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("schema.json", "w") as member,
    ):
        for _ in range(33):
            member.write(b" " * 2**20)
    with pytest.raises(BadConfiguration, match=r"the model m\.skops holds 34,603,008 bytes in "):
        require_small_archive("m.skops", file.getvalue())
    require_small_archive("m.skops", b"no archive")


def test_a_packed_model_of_blanks_is_a_sentence():
    pytest.importorskip("xgboost")
    from spark_model_monitor.monitors.predictors import Model
    from spark_model_monitor.monitors.predictors.xgboost import load_xgboost

    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz", compresslevel=1) as archive:
        header = tarfile.TarInfo("xgboost-model")
        header.size = 33 * 2**20
        archive.addfile(header, io.BytesIO(bytes(header.size)))
    with pytest.raises(BadConfiguration, match="holds 34,603,008 bytes in"):
        load_xgboost(Model("xgboost", "m.tar.gz", content=file.getvalue()))
    with pytest.raises(BadConfiguration, match="is nested deeper"):
        load_xgboost(Model("xgboost", "m.json", content=b"[" * 200_000 + b"]" * 200_000))
