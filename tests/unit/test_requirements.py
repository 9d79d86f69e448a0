"""What is installed has its hash, and its licence is said."""

import re
from configparser import ConfigParser
from itertools import groupby
from pathlib import Path

import pytest
from tests import licences

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements"
LISTS = tuple(path.stem for path in sorted(REQUIREMENTS.glob("*.txt")))

PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def read_pins(path):
    """(package, version) of each pin of a list and of the lists that it names."""
    text = path.read_text(encoding="utf-8")
    inner = [pin for name in re.findall(r"^-r (\S+)", text, re.MULTILINE) for pin in read_pins(path.with_name(name))]
    return [(name.lower(), version) for name, version in PIN.findall(text)] + inner


@pytest.mark.parametrize("name", LISTS)
def test_what_is_pinned_is_pinned_with_hashes(name):
    lost = set(read_pins(REQUIREMENTS / f"{name}.txt")) - set(read_pins(REQUIREMENTS / "hashed" / f"{name}.txt"))
    assert not lost, "run `make pins`"


@pytest.mark.parametrize("name", LISTS)
def test_every_file_that_may_be_installed_has_a_hash(name):
    lines = (REQUIREMENTS / "hashed" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if not line.startswith("#")]
    blocks = [list(block) for begins, block in groupby(lines, key=lambda line: not line.startswith(" "))]
    pins = blocks[::2]
    hashes = blocks[1::2]
    assert all(len(pin) == 1 and PIN.match(pin[0]) for pin in pins)
    assert len(hashes) == len(pins)
    assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line) for block in hashes for line in block)


def test_the_image_and_the_environments_are_made_of_hashed_pins_alone():
    recipes = [ROOT / "Makefile", ROOT / "docker" / "Dockerfile"]
    installed = re.findall(r"-r (?:\$\(HASHED\)|(requirements\S*))/", "".join(map(Path.read_text, recipes)))
    assert installed
    assert set(installed) <= {"", "requirements/hashed"}


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
