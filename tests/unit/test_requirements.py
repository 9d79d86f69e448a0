"""What is installed has its hash, and its licence is said."""

import re
import subprocess
from configparser import ConfigParser
from itertools import groupby
from pathlib import Path

import pytest
from tests import licences

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = tuple(ROOT / name for name in ("requirements", "tests/clients", "benchmarks"))
LISTS = tuple(
    path for folder in FOLDERS for path in sorted(folder.glob("*.txt")) if path.name != "public_record.txt"
)  # that one lists notebooks

INSTALLING = {
    "Makefile",
    "docker/Dockerfile",
    "requirements/conda/meta.yaml",
    "README.md",
    "docs/first-data-set.md",
    "examples/airflow/README.md",
    "benchmarks/README.md",
    "tests/publish.py",
    "tests/jobs/test_publish.py",
}
"""All files with a command that installs, downloads or builds a package. What a page names with its extras (`pip install
'spark-model-monitor[s3]'`) is a choice of whoever installs it; all other pages and programs are looked through.
"""
INSTALLS = re.compile(r'\bpip\b.* (install|wheel|download) (?!")|\buv, "build"|\$\(INSTALL\)|"install", ')
HAS_HASHES = re.compile(r"\$\(INSTALL\)|--require-hashes")
BUILDS_WITH_WHAT_IS_THERE = re.compile(r"\$\(INSTALL\)|--no-build-isolation|--only-binary\W+:all:|wheel\)|\.whl")
OUR_OWN = re.compile(r"--no-deps|--offline")
CHOICE = re.compile(r"install \S*\[|install (x|spark-model-monitor==)")

PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def read_pins(path):
    """(package, version) of each pin of a list and of the lists that it names."""
    text = path.read_text(encoding="utf-8")
    inner = [pin for name in re.findall(r"^-r (\S+)", text, re.MULTILINE) for pin in read_pins(path.with_name(name))]
    return [(re.sub(r"[-_.]+", "-", name).lower(), version) for name, version in PIN.findall(text)] + inner


def find_hashed(path):
    return path.parent / "hashed" / path.name


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
def test_what_is_pinned_is_pinned_with_hashes(path):
    assert not set(read_pins(path)) - set(read_pins(find_hashed(path))), "run `make pins`"


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
def test_every_file_that_may_be_installed_has_a_hash(path):
    lines = find_hashed(path).read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if not line.startswith("#")]
    blocks = [list(block) for begins, block in groupby(lines, key=lambda line: not line.startswith(" "))]
    pins = blocks[::2]
    hashes = blocks[1::2]
    assert all(len(pin) == 1 and PIN.match(pin[0]) for pin in pins)
    assert len(hashes) == len(pins)
    assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line) for block in hashes for line in block)


def test_no_list_with_hashes_is_left_of_one_that_is_gone():
    hashed = {path for folder in FOLDERS for path in (folder / "hashed").iterdir()}

    assert hashed == set(map(find_hashed, LISTS))


def test_every_place_that_installs_takes_files_with_hashes_alone_and_builds_with_what_is_there():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    passed_over = ("docs/", "lib/", "tests/unit/", "tests/pictures/")
    names = [name for name in tracked if name in INSTALLING or not name.startswith(passed_over)]

    commands = []
    for name in names:
        # Pictures and archives are looked through, too
        lines = (ROOT / name).read_text(encoding="utf-8", errors="replace").replace("\\\n", " ").splitlines()
        commands += [(name, line.strip()) for line in lines if INSTALLS.search(line) and not CHOICE.search(line)]

    assert {name for name, _ in commands} == INSTALLING
    assert [command for command in commands if not (HAS_HASHES.search(command[1]) or OUR_OWN.search(command[1]))] == []
    assert [command for command in commands if not BUILDS_WITH_WHAT_IS_THERE.search(command[1])] == []


def test_actions_are_named_by_their_commit():
    recipes = [ROOT / "action.yml", *(ROOT / ".github/workflows").glob("*.yml"), ROOT / "docs/gates.md"]
    used = [name for recipe in recipes for name in re.findall(r"\buses: (.+)", recipe.read_text(encoding="utf-8"))]

    assert len(used) > 10
    ours = "OWNER/spark-model-monitor@COMMIT"
    assert [name for name in used if name != ours and not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", name)] == []


def test_each_installed_package_says_its_licence():
    rows = dict(re.findall(r"^\| (\S+) \| (.+) \|$", licences.build_page(), re.MULTILINE))

    assert set(licences.list_pinned()) <= set(rows)
    assert [package for package, licence in rows.items() if licence == "unknown"] == []


def extras():
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    return set(setup["options.extras_require"])


def test_the_table_of_extras_has_all_of_them():
    page = (ROOT / "docs" / "jobs.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| ([^|]+) \|", page.partition("| extra | for |")[2].partition("\n\n")[0], re.MULTILINE)

    assert set(re.findall(r"`([a-z0-9]+)`", "".join(cells))) == extras()


def test_every_extra_that_a_page_or_a_message_names_is_there():
    texts = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("lib/**/*.py"), *ROOT.glob("examples/**/*.md")]
    named = re.findall(
        r"(?:spark-model-monitor|\.whl|')\[([a-z0-9,]+)\]", "".join(map(Path.read_text, texts)).replace("'.[", "'[")
    )

    assert len(named) > 5
    assert {extra for names in named for extra in names.split(",")} <= extras()
