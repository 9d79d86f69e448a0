"""Manifests that name files in hostile ways, made from a seed, and the law of what they lead to.

The law: a manifest leads to files below its root, or is refused by a sentence that does not say what it names.
"""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.reading.transform_outputs import list_named_files
from spark_model_monitor.errors import BadInput
from spark_model_monitor.storage import LocalStorage

ORDINARY = "a.csv.out"
SECRET = "secret.csv.out"
LINK = "link"

PIECES = (
    *("../", "..", "./", "/", "//", "\\", "..\\", "%2e%2e/", "~/", "{..,.}/", "*", "?", "\n", "\x00", "\u2028", " "),
    *(
        "file:",
        "file://",
        "file://localhost",
        "s3://other/",
        "s3a://other/",
        "http://localhost:1/",
        "hdfs://localhost:1/",
        "[",
    ),
    *("root", "roots", "outside", LINK, SECRET, ORDINARY, "a" * 5_000, "/etc/", "hostname", "/proc/self/environ"),
)


def make_tree(folder: Path) -> Path:
    """A root with an output and a link out of it, beside a folder that no manifest may name; returns the root."""
    for name, file in (("root", ORDINARY), ("roots", SECRET), ("outside", SECRET)):
        (folder / name).mkdir(parents=True)
        (folder / name / file).write_text("1,2\n")
    (folder / "root" / LINK).symlink_to(folder / "outside")
    return folder / "root"


def require_law(folder: Path, seed: int) -> bool:
    """Raises AssertionError if a manifest breaks the law; returns whether it led to something. folder: of `make_tree`."""
    rng = random.Random(seed)
    root = folder / "root"
    texts = ["".join(rng.choices(PIECES, k=rng.randint(1, 4))) for _ in range(2)]
    starts = (f"{root}/", f"file:{root}/", f"{root}", f"{folder}/", f"file://{folder}/", "s3://bucket/root", "")
    prefix = rng.choice(starts) + rng.choice(("", texts[0]))
    key = rng.choice((ORDINARY, "", texts[1]))
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps([{"prefix": prefix}, key]))

    [file] = LocalStorage().list_files(str(manifest))
    try:
        named = list_named_files(LocalEngine(), [file], str(root))[file]
    except BadInput as fault:
        sentence = str(fault)
        named = []
    else:
        sentence = ""
    assert SECRET not in sentence or is_below(f"{prefix}{key}", root)
    for stored_file in named:
        assert is_below(stored_file.path, root), stored_file.path
    return bool(named)


def is_below(path: str, root: Path) -> bool:
    """Whether a local path is below the root, with all links followed."""
    real = os.path.realpath(path.removeprefix("file:").replace("\x00", ""))
    return os.path.commonpath([real, os.path.realpath(root)]) == os.path.realpath(root)
