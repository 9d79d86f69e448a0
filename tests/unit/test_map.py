"""CONTRIBUTING's map is of the floors that there are, and the package fits on a screen."""

import re

from tests.floors import ALONE, FACE, FLOORS, PACKAGE, ROOT

PAGE = (PACKAGE.parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## Where things are")[2].partition("\n## ")[0]
TABLE = [line for line in SECTION.splitlines() if line.startswith("|")]
ROWS = [[re.findall(r"`([\w./]+)`", cell) for cell in line.split("|")[1:-1]] for line in TABLE[2:]]


def folders():
    """The package's folders of Python, two deep."""
    inits = [*PACKAGE.glob("*/__init__.py"), *PACKAGE.glob("*/*/__init__.py")]
    return [path.parent.relative_to(PACKAGE).as_posix() for path in inits]


def test_the_map_has_ten_lines_one_a_floor_in_the_order_of_their_imports():
    named = [name.rstrip("/") for floors, *_ in ROWS for name in floors]

    assert len(ROWS) == 10
    assert named == [*FLOORS, *ALONE]


def test_the_map_names_rooms_and_modules_that_are_there():
    gone = [
        f"{floor}{name}"
        for [floor, *_], _, rooms, first in ROWS
        for name in [*rooms, *first]
        if name != "__init__.py" and not (PACKAGE / floor / name).exists()
    ]

    assert gone == [], "CONTRIBUTING.md: write where these are now"


def test_the_folders_of_the_package_fit_on_a_screen():
    """`tree -d -L 2 lib/spark_model_monitor`."""
    assert len(folders()) <= 60
    top = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert top == {*FLOORS, *ALONE, *FACE}
    assert {path.stem for path in PACKAGE.glob("*.py")} == {*ROOT, "__init__", "__main__"}


def read_docstring(floor):
    return (PACKAGE / floor / "__init__.py").read_text(encoding="utf-8").split('"""')[1]


def test_a_floor_says_of_each_room_what_it_is_for():
    """In the docstring of its package, where it has rooms."""
    rooms = [folder.split("/") for folder in folders() if "/" in folder]
    unsaid = [
        f"{floor}/{room}" for floor, room in rooms if floor in FLOORS and f"`{room}/" not in read_docstring(floor)
    ]

    assert unsaid == []


def test_a_floor_names_no_room_that_is_gone():
    with_rooms = {folder.split("/")[0] for folder in folders() if "/" in folder} & {*FLOORS}
    named = [(floor, room) for floor in with_rooms for room in re.findall(r"`([\w/]+/)`", read_docstring(floor))]

    assert [f"{floor}/{room}" for floor, room in named if not any((PACKAGE / floor / room).glob("*.py"))] == []
