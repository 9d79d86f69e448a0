"""Manifests of a batch transform's captures: which files are one, and what they may name."""

from __future__ import annotations

import json

import pytest
from tests.fuzz.manifests import ORDINARY, make_tree, require_law

from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.reading.listing import list_dataset
from spark_model_monitor.data.reading.transform_outputs import is_below, list_outputs
from spark_model_monitor.errors import BadInput


@pytest.fixture
def listing(tmp_path):
    """The files of a manifest that names an output."""
    root = make_tree(tmp_path / "data")
    (tmp_path / "captures").mkdir()
    (tmp_path / "captures" / "m.json").write_text(json.dumps([{"prefix": f"{root}/"}, ORDINARY]))
    return list_dataset(LocalEngine(), str(tmp_path / "captures"))


def test_a_manifest_leads_to_the_files_that_it_names(listing, tmp_path):
    named = list_outputs(LocalEngine(), listing, str(tmp_path / "data" / "root"))
    assert [file.name for file in named.files] == [ORDINARY]


def test_without_a_root_a_manifest_is_data(listing, caplog):
    assert list_outputs(LocalEngine(), listing, None) == listing
    assert "m.json: looks like a manifest and is read as data; write --set manifest_root=FOLDER" in caplog.text


def test_a_manifest_that_names_something_outside_is_a_sentence(listing, tmp_path):
    with pytest.raises(BadInput, match=r"m\.json: names a file that is not below manifest_root .*roots") as raised:
        list_outputs(LocalEngine(), listing, str(tmp_path / "data" / "roots"))
    assert ORDINARY not in str(raised.value)


@pytest.mark.parametrize(
    ("path", "folder", "below"),
    [
        ("s3://bucket/out/a", "s3://bucket", True),
        ("s3://bucket/out/a", "s3a://bucket/out/", True),
        ("s3://bucket/outer/a", "s3://bucket/out", False),
        ("s3://buckets/out/a", "s3://bucket", False),
        ("s3://bucket/out/../b", "s3://bucket/out", False),
        ("s3://bucket/a", "/", False),
        ("/bucket/a", "s3://bucket", False),
        ("hdfs://one/a", "hdfs://one", True),
        ("hdfs://two/a", "hdfs://one", False),
        ("/data/a", "/", True),
        ("file:///data/a", "/data", True),
        ("/data/a\\..", "/data", False),
        ("/data/a\n", "/data", False),
    ],
)
def test_what_is_below_a_folder(path, folder, below):
    assert is_below(path, folder) is below


def test_no_hostile_manifest_leads_outside(tmp_path):
    make_tree(tmp_path)
    accepted = [require_law(tmp_path, seed) for seed in range(60)]
    assert any(accepted)
