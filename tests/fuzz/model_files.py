"""Files of models that are damaged or crafted, made from a seed, and the law of what comes of them.

The law: a model's file is loaded, or refused by a short sentence that names it. Neither this process nor its memory is the
file's: what a file ends is the process that tries it.
"""

from __future__ import annotations

import io
import json
import random
import time
import zipfile
from collections.abc import Mapping

import numpy as np
import skops.io
import xgboost
from sklearn.linear_model import LinearRegression
from tests.fuzz.damage import damaged_bytes

from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.monitors.predictors import Model
from spark_model_monitor.monitors.predictors.model_loading import read_content
from spark_model_monitor.storage import LocalStorage

ROWS = np.arange(24.0).reshape(8, 3) % 7
LABELS = np.arange(8.0)

LONGEST_SENTENCE = 600
MAX_SECONDS = 300.0
"""Twice what a trial may take by itself."""

DEPTHS = (500, 2_000, 100_000, 2_000_000)
COUNTS = (2**31, 2**36, 2**62)


def make_sound_files() -> dict[str, bytes]:
    """A model's file in each format that is no code."""
    booster = xgboost.train({"max_depth": 2}, xgboost.DMatrix(ROWS, LABELS), 2)
    return {
        "m.skops": skops.io.dumps(LinearRegression().fit(ROWS, LABELS)),
        "m.ubj": bytes(booster.save_raw("ubj")),
        "m.json": bytes(booster.save_raw("json")),
    }


def _pack(members: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def _craft_archive(rng: random.Random, content: bytes) -> bytes:
    """A skops file whose schema is deep, large or damaged, or whose array claims more than it holds."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    schema = members["schema.json"]
    array = rng.choice([name for name in members if name.endswith(".npy")])
    kind = rng.randrange(5)
    if kind == 0:
        depth = rng.choice(DEPTHS)
        members["schema.json"] = b'{"a":' * depth + b"1" + b"}" * depth
    elif kind == 1:
        members["schema.json"] = b" " * rng.choice((10_000_000, 100_000_000)) + schema
    elif kind == 2:
        members["schema.json"] = damaged_bytes(schema, rng)
    elif kind == 3:
        header = io.BytesIO()
        description = {"descr": "<f8", "fortran_order": False, "shape": (rng.choice(COUNTS),)}
        np.lib.format.write_array_header_1_0(header, description)
        members[array] = header.getvalue()
    else:
        del members[rng.choice(list(members))]
    return _pack(members)


def _craft_booster(rng: random.Random, content: bytes) -> bytes:
    """A booster in UBJSON that is deep, or an array of which claims more than it holds."""
    member = b"{L" + (1).to_bytes(8, "big") + b"a"
    if rng.random() < 0.5:
        return member + rng.choice((b"[", member)) * rng.choice(DEPTHS)
    return member + b"[$" + rng.choice((b"d", b"L", b"U")) + b"#L" + rng.choice(COUNTS).to_bytes(8, "big")


def _craft_text(rng: random.Random, content: bytes) -> bytes:
    """A booster in JSON that is deep, or a member of which is of another type."""
    if rng.random() < 0.5:
        depth = rng.choice(DEPTHS)
        return b'{"learner":' * depth + b"1" + b"}" * depth
    document = json.loads(content)
    learner = document["learner"]
    learner[rng.choice(list(learner))] = rng.choice((None, [], {}, -1, "x", 1e999))
    return json.dumps(document).encode()


CRAFTED = {"m.skops": _craft_archive, "m.ubj": _craft_booster, "m.json": _craft_text}


def make_model_file(seed: int, sound_files: Mapping[str, bytes]) -> tuple[str, bytes]:
    """A name and a content."""
    rng = random.Random(seed)
    name = rng.choice(list(sound_files))
    content = sound_files[name]
    kind = rng.randrange(4)
    if kind == 0:
        return name, damaged_bytes(content, rng)
    if kind == 1:
        return name, rng.choice(
            (b" ", content[: rng.randrange(len(content))], sound_files[rng.choice(list(sound_files))])
        )
    return name, CRAFTED[name](rng, content)


def require_law(seed: int, sound_files: Mapping[str, bytes]) -> bool:
    """Whether a file is accepted. Raises AssertionError if it breaks the law."""
    name, content = make_model_file(seed, sound_files)
    model = Model("sklearn" if name.endswith(".skops") else "xgboost", name, content=content)
    begin = time.monotonic()
    sentence = ""
    try:
        assert read_content(model, lambda path: LocalStorage()) == content
    except BadConfiguration as error:
        sentence = str(error)
        assert name in sentence, sentence
        assert len(sentence) <= LONGEST_SENTENCE, sentence
    assert time.monotonic() - begin < MAX_SECONDS
    return not sentence
