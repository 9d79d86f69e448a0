"""Damages that `python -m tests.mutants` draws."""

import ast

import pytest
from tests.floors import PACKAGE
from tests.mutants import ROOMS, applied
from tests.mutations import Damage, draw_damages, find_damages, is_program

CODE = '''"""A module."""
import logging
from typing import TYPE_CHECKING

log = logging.getLogger(__name__)
BLOCK_BYTES = 4
if TYPE_CHECKING:
    LIMIT = 3


class Range:
    size: int = 5

    def __repr__(self) -> str:
        return "a" * 3


def describe(rows: list[int], default: int = 7) -> str:
    """At most 3."""
    log.info("%d rows", len(rows) + 1)
    return f"{len(rows) + 1} rows" + "s"
'''


def find_new_lines(folder, code):
    file = folder / "module.py"
    file.write_text(code)
    return {damage.new.strip() for damage in find_damages(file)}


@pytest.mark.parametrize(
    ("line", "damaged_lines"),
    [
        ("x = a + b", {"x = a - b"}),
        ("x = a < 3", {"x = a <= 3", "x = a < 4"}),
        ("x = a < b", {"x = a > b"}),
        ("x = a is None and b", {"x = a is not None and b", "x = a is None or b"}),
        ("x = not a", {"x = a"}),
        ("x = min(a, b)", {"x = max(a, b)"}),
        ("x = f(a, b.c)", {"x = f(b.c, a)"}),
        ("x = a[1:]", {"x = a[2:]"}),
        ("x = 100", {"x = 200"}),
        ("x = True", {"x = False"}),
        ("x = 0.5", {"x = 1.0"}),
        ("x.flush()", {"pass"}),
        ("x = 'é' in a", {"x = 'é' not in a"}),
        ("x: int = a * b", {"x: int = a / b"}),
        ("x = a if b else c", {"x = a if not b else c"}),
        ("x = a / max(b, 1)", {"x = a * max(b, 1)", "x = a / min(b, 1)"}),
        ("x = max_bytes < 3", {"x = max_bytes > 3", "x = max_bytes < 4"}),
    ],
)
def test_a_line_is_damaged_in_each_of_its_places(line, damaged_lines, tmp_path):
    assert find_new_lines(tmp_path, line) == damaged_lines


def test_a_returned_value_becomes_the_empty_one_of_its_type(tmp_path):
    assert find_new_lines(tmp_path, "def f(a) -> list[int]:\n    return a\n") == {"return []"}


def test_texts_annotations_defaults_logs_and_sizes_are_left_out(tmp_path):
    assert find_new_lines(tmp_path, CODE) == {'return ""'}


@pytest.mark.nightly
def test_a_seed_draws_the_same_programs_again_each_with_one_line_damaged():
    files = [file for room in ROOMS for file in sorted((PACKAGE / room).rglob("*.py"))]
    damages = draw_damages(files, 5, 30)

    assert draw_damages(files, 5, 30) == damages != draw_damages(files, 6, 30)
    assert len({(damage.file, damage.line) for damage in damages}) == 30
    for damage in damages:
        text = damage.file.read_text(encoding="utf-8")
        damaged_text = damage.apply_to(text)
        differing = [
            number
            for number, (line, damaged_line) in enumerate(
                zip(text.splitlines(), damaged_text.splitlines(), strict=True)
            )
            if line != damaged_line
        ]
        assert is_program(damaged_text)
        assert differing == [damage.line - 1]
        assert ast.dump(ast.parse(text)) != ast.dump(ast.parse(damaged_text))


def test_a_damaged_file_is_restored_after_an_error(tmp_path):
    file = tmp_path / "module.py"
    file.write_text("x = 1\n")

    with pytest.raises(KeyboardInterrupt), applied(file, Damage(file, "int constant", 1, "x = 1", "x = 2")):
        raise KeyboardInterrupt

    assert file.read_text() == "x = 1\n"
