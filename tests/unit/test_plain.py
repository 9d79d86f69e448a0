"""What `tests.plain` counts, and that a tree may only get plainer."""

import subprocess
from collections import Counter
from pathlib import Path

import pytest
from tests import plain
from tests.plain_ceilings import TABLE, Key, compute_figures, find_folder, format_table, read_table
from tests.plain_measures import measure_file
from tests.plain_problems import find_problems

ROOT = Path(__file__).resolve().parents[2]

THIRTEEN_LOCALS = "".join(f"    y{number} = {number}\n" for number in range(13))

STEADY = "# Why\ndef read_x(y):\n    x = f(y)\n    return x\n" * 1000
"""So much that a few lines move no rate."""

PLAIN = '"""A module."""\n\n\ndef read_rows(path):\n    # Empty lines are no rows\n    return [line for line in path if line]\n'


def count_measures(code):
    """How often each measure counts something."""
    measures = measure_file(code)
    return measures.counts + Counter(occurrence.measure for occurrence in measures.occurrences)


@pytest.mark.parametrize(
    ("code", "measure", "count"),
    [
        pytest.param("def _of(x): ...", "function", 1, id="a preposition"),
        pytest.param("def rows_of(x): ...", "function", 1, id="a preposition at the end"),
        pytest.param("async def told(x): ...", "function", 1, id="a participle"),
        pytest.param("def at_most(x): ...", "function", 0, id="a limit"),
        pytest.param("def group_by(x): ...", "function", 0, id="a preposition behind a verb"),
        pytest.param("def test_every_row_is_kept(): ...", "function", 0, id="a test's sentence"),
        pytest.param(
            "class State:\n    @classmethod\n    def of(cls, x): ...", "function", 0, id="a state's constructor"
        ),
        pytest.param("class Usual: ...", "class", 1, id="an adjective"),
        pytest.param("class WindowFacts: ...", "class", 1, id="a word that no class has"),
        pytest.param("class Room_: ...\nclass Classroom: ...", "class", 1, id="a part of a word is none"),
        pytest.param("class WindowHistory: ...", "class", 0, id="a noun"),
        pytest.param("found = [each for each in f(known=1)]", "local", 2, id="an assignment and a loop"),
        pytest.param("def f(known, *, _told, **rest): ...", "local", 3, id="parameters"),
        pytest.param("self.found = found", "local", 0, id="attributes and uses"),
        pytest.param("result = tmp = found = 1", "generic", 2, id="names that would fit anything"),
        pytest.param(f"def f():\n{THIRTEEN_LOCALS}", "dense", 1, id="thirteen locals"),
        pytest.param(
            f"def f():\n{THIRTEEN_LOCALS}".replace("    y6", "    # Then\n    y6"), "dense", 0, id="a comment"
        ),
        pytest.param("def f(x: Any): ...", "loose", 1, id="Any"),
        pytest.param("def f(x: int) -> dict[str, object]: ...", "loose", 1, id="object"),
        pytest.param("def f(x: AnyStr): ...", "loose", 0, id="another type"),
        pytest.param("x = 1 if y else 2", "ternary", 1, id="a conditional expression"),
        pytest.param("a, b = x, y", "pair", 1, id="a pair"),
        pytest.param("a, b = x", "pair", 0, id="unpacking"),
        pytest.param("def read_x(): ...\ndef x(): ...\ndef __len__(): ...", "verbs", 1, id="a verb"),
        pytest.param("x = 1  # why\n# and how\ny = 2  # noqa: E501", "comments", 2, id="comments"),
        pytest.param("x = (\n    1\n)\n\ny = 2", "statements", 2, id="statements"),
        pytest.param("x = y + 1", "tokens", 5, id="tokens"),
        pytest.param("x = f'{y + f(z)} {y!r}' 'a'", "tokens", 4, id="an f-string is one on every Python"),
    ],
)
def test_each_measure_counts_what_it_says(code, measure, count):
    assert count_measures(code)[measure] == count


class Tree:
    """A small tree with a table of ceilings, as a clone is."""

    def __init__(self, root):
        self.root = root
        self.write("lib/a/rows.py", PLAIN)
        self.write("lib/a/code.py", STEADY)
        self.write("lib/history/code_of_history.py", STEADY)
        self.write("docs/concepts.md", "| kind | what a run watches | `Kind` in `running` |\n")
        self.write(TABLE, "")
        (self.root / TABLE).unlink()

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def run(self, *words):
        return plain.main(words, self.root)

    def git(self, *words):
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
        subprocess.run(["git", "-C", str(self.root), *identity, *words], check=True, capture_output=True)

    def commit(self):
        self.git("init", "--quiet")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "All")

    def read_ceilings(self):
        return read_table((self.root / TABLE).read_text())


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


@pytest.fixture
def check(tree, capsys):
    """Runs the check, and returns the lines that it prints."""

    def run_check():
        capsys.readouterr()
        status = tree.run("--check")
        lines = capsys.readouterr().out.splitlines()
        assert status == bool(lines)
        return lines

    return run_check


def test_a_table_that_was_deleted_is_not_made_anew(tree, capsys):
    tree.run("--lower")
    tree.commit()
    (tree.root / TABLE).unlink()
    tree.write("lib/a/more.py", "found = 1\n")

    assert tree.run("--lower") == 1
    assert f"git checkout HEAD -- {TABLE}" in capsys.readouterr().out
    assert not (tree.root / TABLE).exists()


def test_a_new_odd_name_fails_with_its_place_and_a_term(tree, check):
    tree.run("--lower")
    tree.write("lib/a/rows.py", f"{PLAIN}\n\ndef of_rows(path):\n    found = path\n    return found\n")

    assert check() == [
        "lib/a/rows.py:9: The function `of_rows` doesn't say what it does. "
        "Write a verb and its object, or `from_rows` if it builds an object. (lib/a has 1, at most 0)",
        "lib/a/rows.py:10: `found` doesn't say what it holds. "
        "Write the noun of what is found, such as `violations`, `matches` or `quantiles`. (lib/a has 1, at most 0)",
    ]


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("def told(): ...", "Write a verb and its object, such as `notify`."),
        ("def rows_of(): ...", "Write `compute_rows` or `read_rows`, or make it a property `rows`."),
        ("class LeaseKept: ...", "Write a noun of the field, such as `Accepted` instead of `Kept`."),
        ("class PutTogether: ...", "Write a noun of the field, such as `WindowHistory`."),
        ("place = 1", "Write `index`, `offset`, `position` or `location`."),
        ("item = 1", "Write what it holds, such as `violations`, `row_counts` or `feature`."),
        ("def read_x(x: object): ...", "`read_x` has `Any` or `object` in its signature. Write the type."),
        (f"def read_x():\n{THIRTEEN_LOCALS}", "Put a comment above each step"),
    ],
)
def test_the_sentence_says_what_to_write(tree, check, code, sentence):
    tree.run("--lower")
    tree.write("lib/a/new.py", f"# Comment\n{code}\n")

    [line] = [line for line in check() if "(lib/a has 1, at most 0)" in line]

    assert line.startswith("lib/a/new.py:2: ")
    assert sentence in line


def test_an_odd_name_that_went_makes_no_room_for_another(tree, check):
    tree.write("lib/a/more.py", "known = 1\n")
    tree.run("--lower")
    tree.write("lib/a/more.py", "told = 1\n")

    [new_name, old_ceiling] = check()

    assert new_name.startswith("lib/a/more.py:1: `told` doesn't say")
    assert "--lower" in old_ceiling


def test_a_name_that_moves_within_its_folder_is_no_new_one(tree, check):
    tree.write("lib/a/more.py", "found = 1\n")
    tree.run("--lower")
    tree.write("lib/a/more.py", "")
    tree.write("lib/a/rows.py", f"{PLAIN}\nfound = 1\n")

    assert check() == []


def test_whoever_makes_figures_smaller_lowers_the_ceilings(tree, check):
    """Without a table, today's figures become the ceilings; lowering never raises one."""
    tree.write("lib/a/more.py", "found = known = found = 1\n")
    assert tree.run("--lower") == 0
    assert tree.read_ceilings()[Key("lib/a", "local", "found")] == 2
    tree.write("lib/a/more.py", "found = 1\n")

    assert check() == [
        f"{TABLE}: 2 of its lines are not today's (lib/a local found, lib/a local known). "
        "Run `python -m tests.plain --lower`, and commit the table with your change."
    ]
    assert tree.run("--lower") == 0
    assert check() == []
    ceilings = tree.read_ceilings()
    tree.write("lib/a/more.py", "found = known = found = 1 if f(g(h(1, 2), 3), 4, (5, 6, 7, 8, 9), 1, 2, 3) else 2\n")
    assert tree.run("--lower") == 1
    assert tree.read_ceilings() == ceilings


def test_new_lines_are_named_rather_than_old_ones(tree, check):
    tree.write("lib/a/more.py", "found = 1\n")
    tree.run("--lower")
    tree.commit()
    tree.write("lib/a/more.py", "found = 1\nx = 1\nfound = 2\n")
    assert [line.split(" ")[0] for line in check()] == ["lib/a/more.py:3:"]

    tree.write("lib/a/more.py", "found = 1\n")
    tree.write("lib/a/unknown.py", "x = 1\nfound = 2\n")
    assert [line.split(" ")[0] for line in check()] == ["lib/a/unknown.py:2:"]

    tree.git("add", "--all")
    tree.git("commit", "--quiet", "--message", "More")  # without the table, which is what counts
    assert [line.split(" ")[0] for line in check()] == ["lib/a/unknown.py:2:"]


def test_without_git_a_sentence_names_all_places(tree, check):
    tree.write("lib/a/more.py", "found = 1\nfound = 2\n")
    tree.run("--lower")
    tree.write("lib/a/rows.py", f"{PLAIN}\nfound = 1\n")

    [line] = check()

    assert line.startswith("lib/a/more.py:1, lib/a/more.py:2, lib/a/rows.py:8: `found`")


def test_a_merge_that_keeps_lines_of_both_sides_has_the_lower_ceiling():
    table = "lib/a\tlocal\tfound\t3\nlib/a\tlocal\tfound\t2\nlib/a\tverbs\t-\t10\nlib/a\tverbs\t-\t20\n"

    assert read_table(table) == {Key("lib/a", "local", "found"): 2, Key("lib/a", "verbs", "-"): 20}
    assert f"{TABLE} merge=union\n" in (ROOT / ".gitattributes").read_text()


def test_a_class_name_with_another_meaning_fails(tree, check):
    tree.write("lib/a/kinds.py", "class Kind: ...\n")
    tree.write("tests/kinds_of_tests.py", f"class Kind: ...\n{STEADY}")  # another package
    tree.run("--lower")
    tree.write("lib/history/more_kinds.py", "class Kind: ...\n")

    [line] = check()

    assert line == (
        "lib/a/kinds.py:1, lib/history/more_kinds.py:1: `Kind` is also a class in lib/history/more_kinds.py. "
        "Say of what in its name. In docs/concepts.md it is the kind in `running`. (lib/** has 2, at most 0)"
    )


def test_a_file_name_that_does_not_say_what_of_fails(tree, check):
    tree.run("--lower")
    tree.commit()
    tree.write("lib/history/rows.py", PLAIN)
    tree.write("lib/history/__init__.py", "")
    tree.write("lib/a/__init__.py", "")

    [line] = check()

    assert line == (
        "lib/history/rows.py:1: `rows.py` is also the name of lib/a/rows.py. "
        "Say of what in the file's name, such as `history_rows.py`. (lib/** has 2, at most 0)"
    )


TWENTY_STATEMENTS = "x = f(y)\n" * 20 + "# Comment\n"


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("x = f(y + f(y + f(y + f(y + 1))))\n" * 9, "tokens a statement are 11.28, at most 7 in lib/b"),
        ("x = y if z else w\n" * 2, "conditional expressions per 1,000 statements are 90.91, at most 50 in lib/b"),
        ("x, y = 1, 2\n" * 2, "`a, b = x, y` per 1,000 assignments are 90.91, at most 50 in lib/b"),
        ("def rows(): ...\n" * 4, "functions in 100 that begin with a verb are 33.33, at least 50 in lib/b"),
    ],
)
def test_rates_have_room_for_one_more_and_not_for_many(tree, check, code, sentence):
    """By hand: room for 20 tokens, a pair or a ternary in 20 statements of 6 tokens; for one function in two."""
    start = TWENTY_STATEMENTS + ("def read_x(): ...\ndef read_y(): ...\n" if "def" in code else "")
    tree.write("lib/b/code.py", start)
    tree.write("lib/c/code.py", start * 100)  # so that the area's rates move little
    tree.run("--lower")
    tree.write("lib/b/code.py", start + code.splitlines()[0] + "\n")
    assert check() == []

    tree.write("lib/b/code.py", start + code)
    assert [line for line in check() if sentence in line]


def test_what_is_added_to_a_room_replaces_as_much(tree, check):
    """By hand: a function has 11 tokens, and a thousand of them are a ceiling."""
    function = "# Why\ndef read_x(y): return f(y)\n"
    tree.write("lib/spark_model_monitor/reports/page/panels.py", function * 1000)
    tree.run("--lower")
    tree.write("lib/spark_model_monitor/reports/page/headlines.py", function)
    sentence = "11,011 tokens, at most 11,000. Take out what your change replaces, or call what does the job already."

    assert check() == [f"lib/** has {sentence}", f"lib/spark_model_monitor/reports/** has {sentence}"]

    tree.write("lib/spark_model_monitor/reports/page/panels.py", function * 999)
    assert check() == []


def test_comments_may_not_go(tree, check):
    tree.write("lib/b/code.py", "# Comment\nx = 1\n" * 10)
    tree.run("--lower")
    tree.write("lib/b/code.py", "# Comment\nx = 1\n" * 5 + "x = 1\n" * 5)

    assert [line for line in check() if "comments per 100 statements are 50, at least 90 in lib/b." in line]


def test_a_new_folder_has_the_rates_of_all(tree, check):
    tree.write("lib/b/code.py", TWENTY_STATEMENTS * 100)
    tree.run("--lower")
    tree.write("lib/new/code.py", "x = y if z else w\n" + TWENTY_STATEMENTS)

    assert [line for line in check() if "conditional expressions" in line and "at most 1 in lib/new" in line]


def test_files_that_move_take_their_ceilings_along(tree, check):
    tree.write("lib/a/more.py", "found = 1\nlast = first = middle = found\n")
    tree.run("--lower")
    tree.commit()
    tree.git("mv", "lib/a/more.py", "lib/a/kept.py")
    (tree.root / "lib/b").mkdir()
    tree.git("mv", "lib/a/kept.py", "lib/b/more.py")
    assert any("`found`" in line for line in check())

    assert tree.run("--moved", "HEAD") == 0
    assert check() == []
    assert {key.folder for key in tree.read_ceilings() if key.word == "found"} == {"lib/b"}


def test_a_move_makes_no_room(tree, capsys):
    """A commit with more than the table has, where the table would rise."""
    tree.write("lib/a/more.py", "found = 1\nfound = 2\nlast = first = middle = found\n")
    tree.commit()
    tree.write("lib/a/more.py", "found = 1\nlast = first = middle = found\n")
    tree.run("--lower")
    (tree.root / "lib/b").mkdir()
    tree.git("mv", "lib/a/more.py", "lib/b/more.py")
    ceilings = tree.read_ceilings()

    assert tree.run("--moved", "HEAD") == 1
    assert "has less of these than HEAD" in capsys.readouterr().out
    assert tree.read_ceilings() == ceilings


def test_figures_are_read_again_where_a_file_changed_only(tree, monkeypatch):
    tree.run("--lower")
    measured = []
    monkeypatch.setattr("tests.plain_measures.measure_file", lambda text: measured.append(text) or measure_file(text))
    tree.run("--check")
    assert measured == []

    tree.write("lib/a/more.py", "x = 1\n")
    tree.run("--check")
    assert measured == ["x = 1\n"]


def test_the_figures_are_printed_by_folder(tree, capsys):
    tree.write("lib/a/more.py", "found = told = found = 1\ndef rows_of(): ...\n")

    tree.run("lib", "--by-folder")

    [area, folder, _] = capsys.readouterr().out.splitlines()
    assert area.split()[:5] == ["lib", "functions", "2,002", "names", "0.0"]
    assert folder.split()[:5] == ["lib/a", "functions", "1,002", "names", "0.1"]


@pytest.mark.nightly
def test_one_wrong_name_in_any_folder_of_ours_fails_with_what_to_write():
    files = plain.measure_tree(ROOT)
    folders = {find_folder(path) for path in files}
    wrong_paths = [f"{folder}/wrong_name_{number}.py" for number, folder in enumerate(folders)]
    wrong_file = measure_file("def found_beside(upto): ...\n")
    figures = compute_figures(files | dict.fromkeys(wrong_paths, wrong_file))
    table = (ROOT / TABLE).read_text(encoding="utf-8")

    problems = "\n".join(find_problems(figures, table, {(path, 1) for path in wrong_paths}))

    assert len(folders) > 100
    for path in wrong_paths:
        function = "The function `found_beside` doesn't say what it does. Write a verb and its object, such as"
        assert f"{path}:1: {function}" in problems
        assert f"{path}:1: `upto` doesn't say what it holds. Write `limit` or `end`." in problems


def test_the_table_is_in_order():
    table = (ROOT / TABLE).read_text(encoding="utf-8")

    assert table == format_table(read_table(table))
