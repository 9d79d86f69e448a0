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

from spark_model_monitor.documents.json_text import Json

COMMON = "common"
CHECKS = "checks"
STATUS = "status"
CHECK = "check"
SAME_MEMBERS_AS = "like"
NAMES = ("feature", "metric", CHECK)  # every entry states them, or what it is like
COMPLETE = ("violated", "cannot tell")  # statuses of entries that are read first, so they are complete
FEWEST = 2  # entries of a check that are worth a common one
LENGTH_OF_NULL = 5  # characters of `null` and a comma

Entry = Mapping[str, Json]


def extract_common_members(checks: Sequence[Entry]) -> tuple[dict[str, Entry], list[Entry]]:
    """The common members by check, and the entries without them."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for index, check in enumerate(checks):
        if check[STATUS] not in COMPLETE:
            key = (check[CHECK], check[STATUS], check.get("formula", ""))
            groups.setdefault(key, []).append(index)
    common: dict[str, Entry] = {}
    abbreviated = list(checks)
    num_groups: Counter[str] = Counter()
    # The largest group of a check has its name, the next ones have a number as well
    largest_first = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    for (check_name, *_), indices in largest_first:
        if len(indices) < FEWEST:
            continue
        num_groups[check_name] += 1
        shared = _find_common_members([checks[index] for index in indices])
        if num_groups[check_name] == 1:
            name = check_name
            common[name] = shared
        else:
            name = f"{check_name} {num_groups[check_name]}"
            common[name] = {CHECK: check_name, **shared}
        for index in indices:
            remaining = _remove_common_members(shared, checks[index])
            if name != check_name:
                remaining = {
                    SAME_MEMBERS_AS if member == CHECK else member: value for member, value in remaining.items()
                }
                remaining[SAME_MEMBERS_AS] = name
            abbreviated[index] = remaining
    return dict(sorted(common.items())), list(_join_neighbours(abbreviated))


def _join_neighbours(checks: Sequence[Entry]) -> Iterator[Entry]:
    """The entries; of neighbours that are like common ones, and of the same feature, a single one."""
    for subject, neighbours in groupby(checks, _read_subject_of_likeness):
        if subject is None:
            yield from neighbours
            continue
        likenesses = [check.get(SAME_MEMBERS_AS) or check[CHECK] for check in neighbours]
        name, value = subject
        if len(likenesses) == 1:
            yield {name: value, SAME_MEMBERS_AS: likenesses[0]}
        else:
            yield {name: value, SAME_MEMBERS_AS: likenesses}


def _read_subject_of_likeness(check: Entry) -> tuple[str, Json] | None:
    """The name that an entry without members of its own is about; None for other entries."""
    members = dict(check)
    if (SAME_MEMBERS_AS in members) == (CHECK in members) or len(members) != 2:
        return None
    members.pop(SAME_MEMBERS_AS, None)
    members.pop(CHECK, None)
    [(name, value)] = members.items()
    if name in NAMES:
        return name, value
    return None


def restore_checks(content: dict[str, Json]) -> dict[str, Json]:
    """The content of checks.json with complete entries; content without `common`, or with another one, as it is."""
    common = content.get(COMMON)
    checks = content.get(CHECKS)
    if not isinstance(common, Mapping) or not isinstance(checks, list):
        return content
    restored = {name: member for name, member in content.items() if name != COMMON}
    # An entry may stand for several, and what is no entry is left to the document's own errors
    separate_checks = [separate for check in checks for separate in _split_neighbours(check)]
    restored[CHECKS] = [_restore(common, check) for check in separate_checks]
    return restored


def _split_neighbours(check: Json) -> list[Json]:
    if isinstance(check, Mapping) and isinstance(check.get(SAME_MEMBERS_AS), list):
        return [{**check, SAME_MEMBERS_AS: likeness} for likeness in check[SAME_MEMBERS_AS]]
    return [check]


def _find_common_members(checks: Sequence[Entry]) -> Entry:
    """The members that are shorter when they are written once."""
    common = {}
    names = dict.fromkeys(name for check in checks for name in check if name not in NAMES)
    for name in names:
        values = {repr(check[name]): check[name] for check in checks if name in check}
        counts = Counter(repr(check[name]) for check in checks if name in check)
        [(text, count)] = counts.most_common(1)
        num_absent = len(checks) - counts.total()
        # Entries without the member have to state a null instead
        characters_saved = (count - 1) * (len(name) + len(text))
        characters_added = num_absent * (len(name) + LENGTH_OF_NULL)
        if characters_saved > characters_added:
            common[name] = values[text]
    return common


def _remove_common_members(common: Entry, check: Entry) -> dict[str, Json]:
    """The members of an entry that differ from the common ones."""
    remaining = {}
    for name, value in check.items():
        if name not in common or repr(value) != repr(common[name]):
            remaining[name] = value
    absent = {name: None for name in common if name not in check}
    return remaining | absent


def _restore(common: Entry, check: Json) -> Json:
    if not isinstance(check, Mapping) or STATUS in check:
        return check
    likeness = check.get(SAME_MEMBERS_AS) or check.get(CHECK)
    shared = common.get(str(likeness))
    if not isinstance(shared, Mapping):
        return check
    # In the order of complete entries: names, what is checked, and the rest
    names = {name: check[name] for name in NAMES if name in check}
    members = {**names, CHECK: check.get(SAME_MEMBERS_AS), **shared, **check}
    members.pop(SAME_MEMBERS_AS, None)
    return {name: value for name, value in members.items() if value is not None or name not in shared}
