"""What one file of Python has of each measure of `tests.plain`, and a cache of it by the file's hash."""

from __future__ import annotations

import ast
import gc
import hashlib
import io
import json
import os
import re
import tokenize
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import TypedDict

from tests import plain_terms
from tests.plain_terms import is_generic, is_odd_class, is_odd_function, is_vague, starts_with_verb

MAXIMUM_LOCALS = 12
"""The most locals in a row without a comment between them. A function with more is dense."""

DIRECTIVE = re.compile(r"#\s*(noqa|type:|pragma|fmt:|ruff:|mypy:|isort:|pylint:|!)")
VAGUE_TYPE = re.compile(r"\b(Any|object)\b")

LAYOUT_TOKENS = {tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
# Python 3.12 splits an f-string into tokens; here it is one, as before.
FSTRING_START = getattr(tokenize, "FSTRING_START", None)
FSTRING_END = getattr(tokenize, "FSTRING_END", None)

FEW_FILES = 60
"""So many are measured without starting other processes."""


@dataclass(frozen=True)
class Occurrence:
    """Something that a measure counts. word: the name, or "-" if the measure has none."""

    measure: str
    word: str
    line: int


@dataclass
class FileMeasures:
    """What a file has. counts: of statements, tokens and so on."""

    counts: Counter[str] = field(default_factory=Counter)
    occurrences: list[Occurrence] = field(default_factory=list)


class StoredMeasures(TypedDict):
    """A file's measures in the cache."""

    counts: dict[str, int]
    occurrences: list[tuple[str, str, int]]


def measure_file(text: str) -> FileMeasures:
    measures = FileMeasures()
    measures.counts["lines"] = text.count("\n")
    comment_lines = count_tokens(text, measures.counts)
    assigned_names: list[tuple[int, str]] = []
    functions: list[ast.FunctionDef | ast.AsyncFunctionDef] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Store):
                assigned_names.append((node.lineno, node.id))
                _add_local(measures, node.id, node.lineno)
        elif isinstance(node, ast.arg):
            _add_local(measures, node.arg, node.lineno)
        elif isinstance(node, ast.Assign):
            _add_assignment(measures, node)
        elif isinstance(node, ast.IfExp):
            measures.occurrences.append(Occurrence("ternary", "-", node.lineno))
        elif isinstance(node, ast.ClassDef):
            _add_class(measures, node)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            functions.append(node)
            _add_function(measures, node)
    assigned_names.sort()
    for function in functions:
        start = bisect_left(assigned_names, (function.lineno, ""))
        end = bisect_left(assigned_names, (function.end_lineno + 1, ""))
        if count_locals_in_a_row(assigned_names[start:end], comment_lines) > MAXIMUM_LOCALS:
            measures.occurrences.append(Occurrence("dense", function.name, function.lineno))
    return measures


def count_tokens(text: str, counts: Counter[str]) -> set[int]:
    """Counts statements, tokens and comments, and returns the lines that have a comment."""
    comment_lines: set[int] = set()
    fstring_depth = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == FSTRING_START:
            fstring_depth += 1
        elif token.type == FSTRING_END:
            fstring_depth -= 1
            counts["tokens"] += fstring_depth == 0
        elif fstring_depth:
            continue
        elif token.type == tokenize.COMMENT:
            if not DIRECTIVE.match(token.string):
                comment_lines.add(token.start[0])
        elif token.type == tokenize.NEWLINE:
            counts["statements"] += 1
        elif token.type not in LAYOUT_TOKENS:
            counts["tokens"] += 1
    counts["comments"] += len(comment_lines)
    return comment_lines


def count_locals_in_a_row(assigned_names: Iterable[tuple[int, str]], comment_lines: set[int]) -> int:
    """The most different names that are assigned without a comment between them. Takes lines and names in their order."""
    longest = 0
    previous_line = 0
    names: set[str] = set()
    for line, name in assigned_names:
        if not comment_lines.isdisjoint(range(previous_line, line + 1)):
            names = set()
        names.add(name)
        longest = max(longest, len(names))
        previous_line = line
    return longest


def _add_function(measures: FileMeasures, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    measures.counts["functions"] += 1
    is_constructor = node.name == "of" and bool(node.decorator_list)  # State.of
    if is_odd_function(node.name) and not is_constructor:
        measures.occurrences.append(Occurrence("function", node.name, node.lineno))
    hints = [argument.annotation for argument in [*node.args.args, *node.args.kwonlyargs]] + [node.returns]
    if any(hint is not None and VAGUE_TYPE.search(ast.unparse(hint)) for hint in hints):
        measures.occurrences.append(Occurrence("loose", node.name, node.lineno))
    if not node.decorator_list and not node.name.startswith("__"):
        measures.counts["undecorated functions"] += 1
        measures.counts["verbs"] += starts_with_verb(node.name)


def _add_class(measures: FileMeasures, node: ast.ClassDef) -> None:
    measures.counts["classes"] += 1
    if is_odd_class(node.name):
        measures.occurrences.append(Occurrence("class", node.name, node.lineno))
    if not node.name.startswith("_"):
        measures.occurrences.append(Occurrence("public class", node.name, node.lineno))


def _add_local(measures: FileMeasures, name: str, line: int) -> None:
    measures.counts["names"] += 1
    if is_vague(name):
        measures.occurrences.append(Occurrence("local", name, line))
    elif is_generic(name):
        measures.occurrences.append(Occurrence("generic", name, line))


def _add_assignment(measures: FileMeasures, node: ast.Assign) -> None:
    measures.counts["assignments"] += 1
    if isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
        measures.occurrences.append(Occurrence("pair", "-", node.lineno))


def measure_files(texts: Mapping[str, bytes], cache: Path | None = None) -> dict[str, FileMeasures]:
    """The measures of each file. cache: where those of earlier calls are; only what this call needs stays there."""
    stored = _read_cache(cache)
    hashes = {path: hashlib.sha256(text).hexdigest() for path, text in texts.items()}
    missing = {hashes[path]: text for path, text in texts.items() if hashes[path] not in stored}
    stored |= dict(zip(missing, _measure_all(missing.values()), strict=True))
    if cache is not None and missing:
        _write_cache(cache, {digest: stored[digest] for digest in hashes.values()})
    return {path: _decode(stored[digest]) for path, digest in hashes.items()}


def _measure_all(texts: Iterable[bytes]) -> list[StoredMeasures]:
    waiting = list(texts)
    if len(waiting) <= FEW_FILES:
        return [_encode(text) for text in waiting]
    # Syntax trees have no cycles, and the search for them would take longest
    with ProcessPoolExecutor(initializer=gc.disable) as processes:
        return list(processes.map(_encode, waiting, chunksize=16))


def _encode(text: bytes) -> StoredMeasures:
    measures = measure_file(text.decode("utf-8"))
    return {
        "counts": measures.counts,
        "occurrences": [astuple(occurrence) for occurrence in measures.occurrences],
    }


def _decode(stored: StoredMeasures) -> FileMeasures:
    occurrences = [Occurrence(*fields) for fields in stored["occurrences"]]
    return FileMeasures(Counter(stored["counts"]), occurrences)


def _read_cache(cache: Path | None) -> dict[str, StoredMeasures]:
    if cache is None or not cache.is_file():
        return {}
    content = json.loads(cache.read_text())
    if content["version"] == _version():
        return content["files"]
    return {}


def _write_cache(cache: Path, files: Mapping[str, StoredMeasures]) -> None:
    cache.parent.mkdir(exist_ok=True)
    draft = cache.with_name(f"{cache.name}.{os.getpid()}")
    draft.write_text(json.dumps({"version": _version(), "files": files}))
    draft.replace(cache)


def _version() -> str:
    """Of what measures: the cache of other code is void."""
    sources = [Path(__file__), Path(plain_terms.__file__)]
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
