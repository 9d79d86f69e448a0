"""One bucket of a merge: all labels, remembered captures and captures of some ids, and the records to write for them.

A capture without a label in time may get an absent label: no click is a label, too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spark_model_monitor.data.records.arrays import Flags, compute_text_starts, get_text_buffer
from spark_model_monitor.running.merging.captured import MICROSECONDS
from spark_model_monitor.running.merging.labels import Period
from spark_model_monitor.running.merging.rows import KEY, ROLE, SCHEMA, TEXT, Counts, Role, json_texts
from spark_model_monitor.running.merging.sources import PART, SECONDS, Kind, Parts
from spark_model_monitor.statistics.states.hashing import Hashes, hash_texts

Hashed: TypeAlias = Callable[[pa.StringArray], Hashes]


@dataclass(frozen=True, slots=True)
class AbsentLabel:
    """The absent label, for captures without a label after this many hours. as_of: the hour that the run is for."""

    label: str
    after_hours: int
    as_of: int

    @property
    def truth(self) -> str:
        """`groundTruthData` as JSON text."""
        return json.dumps({"data": self.label, "encoding": "CSV"}, separators=(",", ":"), ensure_ascii=False)


LINES = pa.schema([(PART, pa.int64()), ("time", pa.int64()), ("event", pa.string()), (TEXT, pa.string())])
"""The output rows: a text for a folder of `Parts`, and the columns to sort it by."""

CHUNK_BYTES = 8 * 2**20

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Join:
    """The task that turns a bucket into `LINES`. since: labels of earlier hours were known before."""

    parts: Parts
    period: Period | None = None
    absent: AbsentLabel | None = None
    since: int = 0

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        held: list[pa.RecordBatch] = []
        bucket = None
        size = 0
        for batch in filter(len, batches):
            if bucket is None and batch.column(ROLE)[batch.num_rows - 1].as_py() == Role.CAPTURE:
                is_capture = pc.equal(batch.column(ROLE), int(Role.CAPTURE))
                bucket = Bucket(self, pa.Table.from_batches([*held, batch.filter(pc.invert(is_capture))], SCHEMA))
                held = []
                batch = batch.filter(is_capture)
                size = 0
            held.append(batch)
            size += batch.nbytes
            if bucket is not None and size >= CHUNK_BYTES:
                yield from bucket.lines_of(pa.Table.from_batches(held))
                held = []
                size = 0
        if bucket is None:
            bucket = Bucket(self, pa.Table.from_batches(held, SCHEMA))
            held = []
        if held:
            yield from bucket.lines_of(pa.Table.from_batches(held))
        yield from bucket.lines_of_counts()

    def is_due(self, hours: Numbers) -> Flags:
        """Whether captures of these hours without a label get the absent label: their period is over."""
        absent = self.absent
        if absent:
            return hours + 1 + absent.after_hours <= absent.as_of
        return np.zeros(len(hours), np.bool_)


class Bucket:
    """What is known about some ids before their captures arrive, and the counts about them."""

    def __init__(self, join: Join, rows: pa.Table) -> None:
        self._join = join
        self.counts = Counts()
        rows = self._without_counts(rows)
        of_role = {role: _where(rows, _column(rows, ROLE) == role) for role in Role}
        self._labels = Labels(of_role[Role.LABEL], join.period)
        self._before = Before(of_role[Role.BEFORE])
        self._without_label: list[pa.Array] = []
        self._captured, self._met, self._remembered = np.zeros((3, len(self._labels)), np.bool_)
        self._look_for_news(of_role[Role.EARLIER])

    def lines_of(self, captures: pa.Table) -> Iterator[pa.RecordBatch]:
        """The output lines of some captures."""
        captures = self._without_counts(captures)
        join = self._join
        ids = _array(captures, KEY)
        branches = _column(captures, "branch")
        hours = _column(captures, "hour")
        numbers = self._labels.numbers_of(ids)
        found = self._labels.found(numbers, hours)
        self._met[numbers[found >= 0]] = self._captured[numbers[numbers >= 0]] = True
        self._without_label.append(ids.filter(pa.array(numbers < 0)))
        self._before.see(captures)
        absent = (found < 0) & join.is_due(hours)
        waiting = (found < 0) & ~absent
        for name, flags in (("labelled", found >= 0), ("absent", absent), ("waiting", waiting)):
            self.counts.by(name, branches[flags], hours[flags])
        seconds = _column(captures, "time") // MICROSECONDS - hours * SECONDS
        kinds = [(Kind.MERGED, ~waiting), (Kind.ABSENT, absent), (Kind.WAITING, waiting)]
        if join.period is not None:
            kinds.append((Kind.LABELLED, found >= 0))
        for kind, flags in kinds:
            if flags.any():
                part = pa.array(join.parts.numbers(kind, branches[flags], hours[flags], seconds[flags]))
                if kind is Kind.MERGED:
                    of_kind = self._merged
                else:
                    of_kind = partial(self._known, kind is Kind.ABSENT)
                yield from of_kind(captures, found, flags, part)

    def _merged(self, captures: pa.Table, found: Numbers, flags: Flags, part: pa.Array) -> Iterator[pa.RecordBatch]:
        """Captures with their ground truth after the last member, ordered by time."""
        truths = self._labels.truths_of(found)
        if self._join.absent is not None:
            truths = pc.if_else(pa.array(flags), pc.fill_null(truths, self._join.absent.truth), None)
        texts = pc.binary_join_element_wise(captures.column(TEXT), ',"groundTruthData":', truths, "}", "")
        there = pa.chunked_array(map(_those_there, texts.chunks), pa.string())
        others = captures.select(["time", "event"]).filter(pa.array(flags))
        yield from pa.table([part, *others.columns, there], LINES).to_batches()

    def _known(
        self, are_absent: bool, captures: pa.Table, found: Numbers, flags: Flags, part: pa.Array
    ) -> Iterator[pa.RecordBatch]:
        """What to remember about captures (`rows.ID_SCHEMA`), in sort order."""
        absent = pa.scalar("true" if are_absent else None, pa.string())
        ids, scores = (_array(captures, name).filter(pa.array(flags)) for name in (KEY, "score"))
        members = {
            ',"label":': self._labels.hashes_of(found[flags]).cast(pa.string()),
            ',"absent":': pa.repeat(absent, len(ids)),
            ',"score":': json_texts(scores),
        }
        written = [pc.fill_null(pc.binary_join_element_wise(name, value, ""), "") for name, value in members.items()]
        texts = pc.binary_join_element_wise('{"id":', json_texts(ids), *written, "}", "")
        nothing = [pa.nulls(len(ids), LINES.field(name).type) for name in ("time", "event")]
        yield from pa.table([part, *nothing, texts], LINES).to_batches()

    def _without_counts(self, rows: pa.Table) -> pa.Table:
        """The rows without rows of counts, which are added to this bucket's counts."""
        are_counts = _column(rows, ROLE) == Role.COUNTS
        for text in _where(rows, are_counts).column(TEXT).to_pylist():
            self.counts.update(Counts.of_text(text))
        return _where(rows, ~are_counts)

    def lines_of_counts(self) -> Iterator[pa.RecordBatch]:
        """One line with all counts, after the last capture."""
        self.counts.update({(f"labels {name}",): int(labels.sum()) for name, labels in self._labels.account.items()})
        captures = sum(self.counts[key] for key in self.counts if key[0] in ("labelled", "absent", "waiting"))
        others = _numbered(pa.chunked_array(self._without_label, pa.string()).combine_chunks())[1]
        self.counts[("with the id of another",)] += captures - int(self._captured.sum()) - len(others)
        own = self._labels.account["ids"] > 0
        self.counts[("labels matched",)] += int((own & self._met).sum())
        self.counts[("labels matched earlier",)] += int((own & ~self._met & self._remembered).sum())
        self._count_changes()
        if +self.counts:
            line = [pa.array([self._join.parts.of_counts]), pa.nulls(1, pa.int64()), pa.nulls(1, pa.string())]
            yield pa.RecordBatch.from_arrays([*line, pa.array([self.counts.text])], schema=LINES)

    def _look_for_news(self, rows: pa.Table) -> None:
        """Count the remembered captures of other hours whose label has changed."""
        ids = _array(rows, KEY)
        hours = _column(rows, "hour")
        numbers = self._labels.numbers_of(ids)
        self._remembered[numbers[numbers >= 0]] = True
        was = _column(rows, "label")
        waits = _is_null(rows, "label")
        differs = waits & _is_null(rows, "absent") & self._join.is_due(hours)
        for places, labels in self._labels.of_each(numbers):
            differs[places] |= self._labels.is_since(labels, self._join.since) & (
                waits[places] | (self._labels.hashes[labels] != was[places])
            )
        self.counts.by("news", _column(rows, "branch")[differs], hours[differs])

    def _count_changes(self) -> None:
        """Count the changes to remembered captures in the hours that were merged again."""
        before = self._before
        self.counts.add(
            "remembered", _column(before.rows, "captures"), *(_column(before.rows, name) for name in ("branch", "hour"))
        )
        rows = before.rows.filter(pa.array(before.seen))
        numbers_of_hour = _, hours = _column(rows, "branch"), _column(rows, "hour")
        found = self._labels.found(self._labels.numbers_of(_array(rows, KEY)), hours)
        now = self._labels.hashes_of(found)
        had_none = _is_null(rows, "label")
        came = had_none & (found >= 0)
        changed = ~had_none & (found >= 0) & (_column(rows, "label") != now.fill_null(0).to_numpy())
        absent = had_none & _is_null(rows, "absent") & (found < 0) & self._join.is_due(hours)
        for name, flags in (("added", came), ("changed", changed), ("came absent", absent)):
            self.counts.by(name, *(numbers[flags] for numbers in numbers_of_hour))
        times = _column(rows, "captures")
        self.counts.add("captures before", times, *numbers_of_hour)
        self.counts.add("labelled before", times * ~had_none, *numbers_of_hour)


def _those_there(texts: pa.StringArray) -> pa.StringArray:
    """The texts that are not null, over the same bytes; nulls must have no bytes."""
    starts = compute_text_starts(texts).astype(np.int32)
    there = np.append(texts.is_valid(), True)
    return pa.StringArray.from_buffers(there.sum() - 1, pa.py_buffer(starts[there]), get_text_buffer(texts))


class Labels:
    """The labels of a bucket, by id: those that may be the last one of a capture.

    The number of an id is the rank of its hash; no two hashes are equal. texts: truths of all labels. places: there,
    of the labels that may be a last one, by id, then in order, shape (labels,). hashes: of those labels.
    """

    def __init__(self, rows: pa.Table, period: Period | None) -> None:
        self._ids, self._texts = _array(rows, KEY), _array(rows, TEXT)
        self._hashed, self._of_ids, self._examples, numbers = _numbered(self._ids)
        order = np.lexsort([*(_column(rows, name) for name in ("record", "block", "rank")), numbers])
        numbers = numbers[order]
        hashes = hash_texts(self._texts).view(np.int64)[order]
        hours = _column(rows, "hour", -1)[order]
        has_no_hour = _is_null(rows, "hour")[order]
        self._period = period
        if period is None:
            is_inside = np.ones(len(order), np.bool_)
        else:
            is_inside = period.holds(hours) | has_no_hour
        self.account = _account(hashes, is_inside, numbers, len(self))
        is_last = np.append(numbers[1:] != numbers[:-1], True)[: len(numbers)]
        if period is not None:
            is_last[:-1] |= hours[1:] != hours[:-1]
        self.hashes: Numbers = hashes[is_last]
        self._places = order[is_last]
        self._hours = hours[is_last]
        self._has_no_hour = has_no_hour[is_last]
        self._starts = np.searchsorted(numbers[is_last], np.arange(len(self) + 1))

    def __len__(self) -> int:
        """Number of ids with a label."""
        return len(self._of_ids)

    def numbers_of(self, ids: pa.StringArray) -> Numbers:
        """The numbers of ids; -1 for an id without a label."""
        if not len(self):
            return np.full(len(ids), -1)
        hashes = self._hashed(ids)
        by_hash = np.argsort(hashes)  # neighbours are then looked up in nearby memory
        numbers: Numbers = np.empty(len(ids), np.int64)
        numbers[by_hash] = np.searchsorted(self._of_ids, hashes[by_hash]).clip(max=len(self) - 1)
        numbers[~np.asarray(pc.equal(ids, self._ids.take(pa.array(self._examples[numbers]))))] = -1
        return numbers

    def truths_of(self, labels: Numbers) -> pa.StringArray:
        """The truths of labels, null for -1."""
        return self._texts.take(pa.array(np.append(self._places, 0)[labels], mask=labels < 0))

    def found(self, numbers: Numbers, hours: Numbers) -> Numbers:
        """The label of each capture, by its id's number and its hour: the last one near enough, -1 if there is none."""
        found: Numbers = np.full(len(numbers), -1)
        for places, labels in self.of_each(numbers):
            is_near = self._has_no_hour[labels]
            if self._period is None:
                is_near = np.ones(len(labels), np.bool_)
            else:
                is_near = is_near | (np.abs(self._hours[labels] - hours[places]) <= self._period.hours)
            is_first = is_near & (found[places] < 0)
            found[places[is_first]] = labels[is_first]
        return found

    def of_each(self, numbers: Numbers) -> Iterator[tuple[Numbers, Numbers]]:
        """The labels of ids by number, from the last label of each id to its first: the indexes of the ids that have
        another one, and the label. As many rounds as an id has hours with labels."""
        places = np.flatnonzero(numbers >= 0)
        labels = self._starts[numbers[places] + 1] - 1
        while len(places):
            yield places, labels
            labels = labels - 1
            has_more = labels >= self._starts[numbers[places]]
            places = places[has_more]
            labels = labels[has_more]

    def is_since(self, labels: Numbers, hour: int) -> Flags:
        """Whether labels are from this hour or a later one."""
        flags: Flags = self._has_no_hour[labels] | (self._hours[labels] >= hour)
        return flags

    def hashes_of(self, labels: Numbers) -> pa.Int64Array:
        """The hashes of labels, null for -1."""
        return pa.array(self.hashes).take(pa.array(labels, mask=labels < 0))


class Before:
    """The remembered captures of hours that are merged again, one row for each id of an hour."""

    def __init__(self, rows: pa.Table) -> None:
        columns = [(KEY, "count"), ("label", "max"), ("absent", "max")]
        grouped = rows.group_by(["branch", "hour", KEY], use_threads=False).aggregate(columns)
        names = {f"{KEY}_count": "captures", "label_max": "label", "absent_max": "absent"}
        self.rows = grouped.rename_columns([names.get(name, name) for name in grouped.column_names]).combine_chunks()
        self.seen = np.zeros(self.rows.num_rows, np.bool_)
        self._keys = _composed(self.rows)

    def see(self, captures: pa.Table) -> None:
        """Mark the ids of hours that have captures now."""
        if len(self._keys):
            self.seen |= np.asarray(pc.is_in(self._keys, _composed(captures)))


def _numbered(texts: pa.StringArray, hashed: Hashed | None = None) -> tuple[Hashed, Hashes, Numbers, Numbers]:
    """The numbers of texts: the hash function that distinguishes them, the distinct hashes in order, the index of one
    text for each, and the numbers of all texts, which are ranks of their hashes."""
    hashed = hashed or hash_texts
    hashes = hashed(texts)
    by_hash = np.argsort(hashes)
    hashes = hashes[by_hash]
    is_another = np.append(True, hashes[1:] != hashes[:-1])[: len(hashes)]
    again = np.flatnonzero(~is_another)
    if not np.asarray(pc.equal(*(texts.take(pa.array(by_hash[places])) for places in (again, again - 1)))).all():
        return _numbered(texts, partial(_hashed_by, os.urandom(16)))
    numbers = np.empty(len(hashes), np.int64)
    numbers[by_hash] = np.cumsum(is_another) - 1
    return hashed, hashes[is_another], by_hash[is_another], numbers


def _hashed_by(key: bytes, texts: pa.StringArray) -> Hashes:
    """Unpredictable hashes: clients choose the ids, and could choose ids that collide under xxHash."""
    digests = (blake2b(text.encode(), digest_size=8, key=key).digest() for text in texts.to_pylist())
    return np.frombuffer(b"".join(digests), np.uint64)


def _account(hashes: Numbers, inside: Flags, numbers: Numbers, ids: int) -> dict[str, NDArray[Any]]:
    """The labels inside the run's hours by id, with the names of `LabelAccount`. All inputs are sorted by id."""
    hashes = hashes[inside]
    own = numbers[inside]
    counts = np.bincount(own, minlength=ids)
    differs = (own[1:] == own[:-1]) & (hashes[1:] != hashes[:-1])
    has_several = np.bincount(own[1:][differs], minlength=ids) > 0
    before_the_last = np.maximum(counts - 1, 0)
    return {
        "ids": counts > 0,
        "repeated": before_the_last * ~has_several,
        "contradicted": before_the_last * has_several,
        "outside_window": ~inside,
    }


def _composed(rows: pa.Table) -> pa.Array:
    """Branch, hour and id as a single text."""
    numbers = [_array(rows, name).cast(pa.string()) for name in ("branch", "hour")]
    return pc.binary_join_element_wise(*numbers, _array(rows, KEY), "/")


def _where(rows: pa.Table, wanted: Flags) -> pa.Table:
    if wanted.all():
        return rows
    return rows.filter(pa.array(wanted))


def _array(rows: pa.Table, name: str) -> pa.Array:
    chunked = rows.column(name)
    if chunked.num_chunks == 1:
        return chunked.chunk(0)
    return pa.concat_arrays([pa.array([], chunked.type), *chunked.chunks])


def _column(rows: pa.Table, name: str, default: int = 0) -> Numbers:
    numbers: Numbers = _array(rows, name).fill_null(default).to_numpy(zero_copy_only=False)
    return numbers


def _is_null(rows: pa.Table, name: str) -> Flags:
    flags: Flags = np.asarray(_array(rows, name).is_null())
    return flags
