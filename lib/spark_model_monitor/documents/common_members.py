"""The entries of checks.json without what they repeat: hundreds of passed checks share most of their members. Pure.

`common` has what most entries of a check have, by its name, or by its name and a number for entries of another formula or
status, which state that as `like`. An entry without a `status` has these members as well, except those that it states
itself, and null where it lacks one; one whose `like` is a list stands for several of one feature. Entries with a
`status` are complete: those of violations and of what nobody can tell always are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

COMMON = "common"
CHECKS = "checks"
STATUS = "status"
CHECK = "check"
LIKE = "like"
NAMES = ("feature", "metric", CHECK)  # every entry states them, or what it is like
COMPLETE = ("violated", "cannot tell")  # statuses of entries that are read first, so they are complete
FEWEST = 2  # entries of a check that are worth a common one
LENGTH_OF_NULL = 5  # characters of `null` and a comma

Entry = Mapping[str, Any]


def abbreviate_entries(entries: Sequence[Entry]) -> tuple[dict[str, Entry], list[Entry]]:
    """The common members by check, and the entries without them."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for index, entry in enumerate(entries):
        if entry[STATUS] not in COMPLETE:
            key = (entry[CHECK], entry[STATUS], entry.get("formula", ""))
            groups.setdefault(key, []).append(index)
    common: dict[str, Entry] = {}
    abbreviated = list(entries)
    num_groups: Counter[str] = Counter()
    # The largest group of a check has its name
    for (check, *_), indices in sorted(groups.items(), key=lambda group: (-len(group[1]), group[0])):
        if len(indices) < FEWEST:
            continue
        num_groups[check] += 1
        shared = _find_common_members([entries[index] for index in indices])
        if num_groups[check] == 1:
            name = check
            common[name] = shared
        else:
            name = f"{check} {num_groups[check]}"
            common[name] = {CHECK: check, **shared}
        for index in indices:
            own = _leave_out(shared, entries[index])
            if name != check:
                own = {LIKE if member == CHECK else member: value for member, value in own.items()} | {LIKE: name}
            abbreviated[index] = own
    return dict(sorted(common.items())), list(_gather_neighbours(abbreviated))


def _gather_neighbours(entries: Sequence[Entry]) -> Iterator[Entry]:
    """The entries; of neighbours that are like common ones, and of the same feature, a single one."""
    for subject, neighbours in groupby(entries, _read_subject_of_likeness):
        if subject is None:
            yield from neighbours
            continue
        likenesses = [entry.get(LIKE) or entry[CHECK] for entry in neighbours]
        name, value = subject
        yield {name: value, LIKE: likenesses if len(likenesses) > 1 else likenesses[0]}


def _read_subject_of_likeness(entry: Entry) -> tuple[str, Any] | None:
    """The name that an entry without members of its own is about; None for other entries."""
    members = dict(entry)
    if (LIKE in members) == (CHECK in members) or len(members) != 2:
        return None
    members.pop(LIKE, None)
    members.pop(CHECK, None)
    [(name, value)] = members.items()
    return (name, value) if name in NAMES else None


def restore_entries(content: dict[str, Any]) -> dict[str, Any]:
    """The content of checks.json with complete entries; content without `common`, or with another one, as it is."""
    common = content.get(COMMON)
    entries = content.get(CHECKS)
    if not isinstance(common, Mapping) or not isinstance(entries, list):
        return content
    restored = {name: member for name, member in content.items() if name != COMMON}
    restored[CHECKS] = [_restore(common, single) for entry in entries for single in _part_neighbours(entry)]
    return restored


def _part_neighbours(entry: Any) -> list[Any]:
    if isinstance(entry, Mapping) and isinstance(entry.get(LIKE), list):
        return [{**entry, LIKE: likeness} for likeness in entry[LIKE]]
    return [entry]


def _find_common_members(entries: Sequence[Entry]) -> Entry:
    """The members that are shorter when they are written once."""
    common = {}
    names = dict.fromkeys(name for entry in entries for name in entry if name not in NAMES)
    for name in names:
        values = {repr(entry[name]): entry[name] for entry in entries if name in entry}
        counts = Counter(repr(entry[name]) for entry in entries if name in entry)
        [(text, count)] = counts.most_common(1)
        num_absent = len(entries) - counts.total()
        saved = (count - 1) * (len(name) + len(text)) - num_absent * (len(name) + LENGTH_OF_NULL)
        if saved > 0:
            common[name] = values[text]
    return common


def _leave_out(common: Entry, entry: Entry) -> Entry:
    """The members of an entry that differ from the common ones."""
    own = {}
    for name, value in entry.items():
        if name not in common or repr(value) != repr(common[name]):
            own[name] = value
    return own | {name: None for name in common if name not in entry}


def _restore(common: Entry, entry: Any) -> Any:
    if not isinstance(entry, Mapping) or STATUS in entry:
        return entry
    shared = common.get(str(entry.get(LIKE) or entry.get(CHECK)))
    if not isinstance(shared, Mapping):
        return entry
    names = {name: entry[name] for name in NAMES if name in entry}
    members = {**names, CHECK: entry.get(LIKE), **shared, **entry}
    members.pop(LIKE, None)
    return {name: value for name, value in members.items() if value is not None or name not in shared}
