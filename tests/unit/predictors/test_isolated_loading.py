"""A model's file that ends the process that loads it, takes all memory or never comes back is a sentence of the run."""

from __future__ import annotations

import faulthandler
import io
import os
import tarfile
import threading
import zipfile

import numpy as np
import pytest

from spark_model_monitor.errors import BadConfiguration, MissingDependency, MonitorError
from spark_model_monitor.monitors.predictors import Model, isolated_loading
from spark_model_monitor.monitors.predictors.error_model import ErrorModel
from spark_model_monitor.monitors.predictors.isolated_loading import require_loadable
from spark_model_monitor.monitors.predictors.model_loading import read_content
from spark_model_monitor.storage import LocalStorage


def allocate_memory(content):
    return bytearray(2**40)


def stop_by_crash(content):
    faulthandler._sigsegv()


def wait_for_ever(content):
    threading.Event().wait()


def stop_by_exit(content):
    raise SystemExit(7)


def reject_content(content):
    raise BadConfiguration("m.skops is no model")


def report_missing_library(content):
    raise MissingDependency("install it where the executors run")


@pytest.mark.parametrize(
    ("load", "sentence"),
    [
        (
            allocate_memory,
            r"the model m\.skops takes more than 2\.0 GiB of memory to load, far more than 3 bytes should",
        ),
        (stop_by_crash, r"the model m\.skops ends a process that loads it, by SIGSEGV"),
        (stop_by_exit, r"the model m\.skops ends a process that loads it, with status 7"),
        (reject_content, r"^m\.skops is no model$"),
    ],
)
def test_what_ends_the_process_is_a_sentence_that_names_the_file_and_the_reason(load, sentence):
    with pytest.raises(BadConfiguration, match=sentence):
        require_loadable("m.skops", b"abc", load)


def test_a_file_that_takes_too_long_is_a_sentence(monkeypatch):
    monkeypatch.setattr(isolated_loading, "MIN_SECONDS", 2.0)
    with pytest.raises(BadConfiguration, match=r"the model m\.skops takes longer than 2 s to load"):
        require_loadable("m.skops", b"abc", wait_for_ever)


@pytest.mark.parametrize("load", [len, report_missing_library])
def test_what_can_be_loaded_or_only_where_tasks_run_is_accepted(load):
    require_loadable("m.skops", b"abc", load)


def load_file(name, flavour, content, **options):
    return read_content(Model(flavour, name, content=content, **options), lambda path: LocalStorage())


@pytest.mark.parametrize("flavour", ["sklearn", "xgboost"])
def test_a_file_that_is_far_too_large_is_a_sentence_and_not_read(tmp_path, flavour):
    path = tmp_path / "m.json"
    with path.open("wb") as file:
        file.truncate(2**36)  # of which the disk has nothing
    with pytest.raises(BadConfiguration, match=rf"the model {path} has 68,719,476,736 bytes, and may have "):
        load_file(str(path), flavour, b"")


def test_a_pipe_is_no_file_of_a_model(tmp_path):
    path = tmp_path / "m.json"
    os.mkfifo(path)
    with pytest.raises(MonitorError, match=str(path)):
        load_file(str(path), "xgboost", b"")


DEEP = b"[" * 3_000_000
OPENED = (
    b"{L" + (1).to_bytes(8, "big") + b"a"
)  # an object and the name of its first member in UBJSON, as XGBoost writes it
HUGE = b"[$d#L" + (2**36).to_bytes(8, "big")  # an array of so many numbers


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        pytest.param("m.ubj", OPENED + DEEP, "SIGSEGV", id="deep"),
        pytest.param("m.json", b'{"a":' + DEEP, "SIGSEGV", id="deep JSON"),
        pytest.param("m.ubj", OPENED + HUGE, "GiB of memory", id="huge"),
    ],
)
def test_a_crafted_booster_is_a_sentence(name, content, sentence):
    pytest.importorskip("xgboost")
    with pytest.raises(BadConfiguration, match=rf"the model {name} .*{sentence}"):
        load_file(name, "xgboost", content)


def test_an_archive_of_blanks_is_a_sentence():
    pytest.importorskip("xgboost")
    file = io.BytesIO()
    size_bytes = 33 * 2**20
    header = tarfile.TarInfo("xgboost-model")
    header.size = size_bytes
    blanks = io.BytesIO(bytes(size_bytes))
    with tarfile.open(fileobj=file, mode="w:gz", compresslevel=1) as archive:
        archive.addfile(header, blanks)
    content = file.getvalue()

    with pytest.raises(BadConfiguration, match="neither JSON nor UBJSON"):
        load_file("m.tar.gz", "xgboost", content)


def pack(files):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


@pytest.fixture(scope="module")
def skops_files():
    """The members of a model's file."""
    skops = pytest.importorskip("skops.io")
    linear_model = pytest.importorskip("sklearn.linear_model")
    content = skops.dumps(linear_model.LinearRegression().fit(np.eye(3), np.arange(3)))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_array_header(files, count):
    """The members, of which an array claims to have so many numbers."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (count,)})
    array = next(name for name in files if name.endswith(".npy"))
    return {**files, array: header.getvalue()}


def test_a_good_model_is_returned_and_crafted_ones_are_sentences(skops_files):
    content = pack(skops_files)
    assert load_file("m.skops", "sklearn", content) == content

    with pytest.raises(BadConfiguration, match=r"the model m\.skops takes more than .* GiB of memory"):
        load_file("m.skops", "sklearn", pack(write_array_header(skops_files, 2**36)))
    with pytest.raises(BadConfiguration, match=r"the model m\.skops can't be loaded as sklearn \(RecursionError"):
        load_file("m.skops", "sklearn", pack({**skops_files, "schema.json": "[" * 90_000 + "]" * 90_000}))


def test_a_model_of_blanks_is_a_sentence(skops_files):
    size_bytes = 33 * 2**20
    blanks = " " * size_bytes
    files = dict(skops_files)
    files["schema.json"] = blanks
    content = pack(files)

    with pytest.raises(BadConfiguration, match=r"the model m\.skops can't be loaded as sklearn"):
        load_file("m.skops", "sklearn", content)


def test_a_crafted_model_of_errors_is_a_sentence(tmp_path, skops_files):
    path = tmp_path / "errors.skops"
    path.write_bytes(pack(write_array_header(skops_files, 2**36)))
    with pytest.raises(BadConfiguration, match=r"errors\.skops"):
        ErrorModel.read(str(path))


def test_a_pickle_that_the_user_allows_is_loaded_by_the_run_alone(monkeypatch):
    monkeypatch.setattr("spark_model_monitor.monitors.predictors.model_loading.require_loadable", pytest.fail)
    assert load_file("m.pkl", "sklearn", b"a pickle", allows_pickle=True) == b"a pickle"
