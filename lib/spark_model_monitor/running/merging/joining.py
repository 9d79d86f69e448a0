"""The join of a merge, in buckets: a bucket has all labels and captures of some ids, and gives the records to write for them.

A capture without a label in time may get an absent label, such as "no click".
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import blake2b
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.engine.engine_protocol import Batches
from spark_model_monitor.data.records.arrays import are_missing, compute_text_starts, get_column, get_text_buffer
from spark_model_monitor.running.merging.captured import MICROSECONDS
from spark_model_monitor.running.merging.hourly_sources import PART_COLUMN, SECONDS_PER_HOUR, FileNumbers, LineKind
from spark_model_monitor.running.merging.merge_rows import KEY, ROLE, SCHEMA, TEXT, Counts, Role, format_json_texts
from spark_model_monitor.statistics import Flags, Hashes, Integers
from spark_model_monitor.statistics.states.hashing import hash_texts
from spark_model_monitor.value_class import value_class

HashFunction: TypeAlias = Callable[[pa.StringArray], Hashes]


@value_class
class AbsentLabel:
    """The absent label, for captures without a label after this many hours. as_of: the hour that the run is for."""

    label: str
    after_hours: int
    as_of: int

    @property
    def truth(self) -> str:
        """`groundTruthData` as JSON text."""
        return json.dumps({"data": self.label, "encoding": "CSV"}, separators=(",", ":"), ensure_ascii=False)


@value_class
class LabelHours:
    """How far a label may be from its capture, in hours, and the hours whose labels the run accounts for."""

    max_delay_hours: int
    first_hour: int
    last_hour: int

    def covers(self, hours: Integers) -> Flags:
        """Whether the run accounts for labels of these hours."""
        return (hours >= self.first_hour) & (hours <= self.last_hour)


LINE_SCHEMA = pa.schema([(PART_COLUMN, pa.int64()), ("time", pa.int64()), ("event", pa.string()), (TEXT, pa.string())])
"""The output rows: a line of text, the number of its file (`FileNumbers`), and the columns to sort it by."""

CHUNK_BYTES = 8 * 2**20  # size of the captures that are joined at once


@value_class
class Join:
    """The task that turns a bucket into `LINE_SCHEMA`.

    Attributes
    ----------
    parts: The numbers of the output files.
    label_hours: How far labels may be from their captures; with None any label of the id counts.
    absent: The label for captures that got no label in time.
    since: The first hour with labels that no earlier merge has seen.
    """

    parts: FileNumbers
    label_hours: LabelHours | None = None
    absent: AbsentLabel | None = None
    since: int = 0

    def __call__(self, batches: Batches) -> Batches:
        buffered: list[pa.RecordBatch] = []
        bucket = None
        size = 0
        for batch in filter(len, batches):
            # Rows are sorted by role, captures last: once the first capture arrives, all labels are known
            if bucket is None and batch.column(ROLE)[batch.num_rows - 1].as_py() == Role.CAPTURE:
                is_capture = pc.equal(batch.column(ROLE), int(Role.CAPTURE))
                buffered.append(batch.filter(pc.invert(is_capture)))
                bucket = JoinBucket(self, pa.Table.from_batches(buffered, SCHEMA))
                buffered = []
                batch = batch.filter(is_capture)
                size = 0
            buffered.append(batch)
            size += batch.nbytes
            # Captures are joined in chunks, so that memory holds all labels of a bucket, but not all captures
            if bucket is not None and size >= CHUNK_BYTES:
                yield from bucket.join_captures(pa.Table.from_batches(buffered))
                buffered = []
                size = 0
        # A bucket without captures still has labels to count
        if bucket is None:
            bucket = JoinBucket(self, pa.Table.from_batches(buffered, SCHEMA))
        elif buffered:
            yield from bucket.join_captures(pa.Table.from_batches(buffered))
        yield from bucket.format_counts()

    def is_due(self, hours: Integers) -> Flags:
        """Whether captures of these hours that have no label get the absent label, because their waiting time is over."""
        absent = self.absent
        if absent:
            return hours + 1 + absent.after_hours <= absent.as_of
        return np.zeros(len(hours), np.bool_)


class JoinBucket:
    """The labels and the remembered captures of some ids, which arrive before their captures, and all counts of these ids."""

    def __init__(self, join: Join, rows: pa.Table) -> None:
        self._join = join
        self.counts = Counts()
        rows = self._without_counts(rows)
        rows_by_role = {role: _filter_rows(rows, _get_numbers(rows, ROLE) == role) for role in Role}
        self._labels = Labels(rows_by_role[Role.LABEL], join.label_hours)
        self._remembered_captures = RememberedCaptures(rows_by_role[Role.BEFORE])
        self._without_label: list[pa.Array] = []
        # By id number: whether the id has a capture, a capture near enough to its label, a capture in an earlier merge
        self._captured, self._matched, self._remembered = np.zeros((3, len(self._labels)), np.bool_)
        self._count_news(rows_by_role[Role.EARLIER])

    def join_captures(self, captures: pa.Table) -> Batches:
        """The output lines of some captures."""
        captures = self._without_counts(captures)
        join = self._join

        # The label of each capture: its index in self._labels, -1 if it has no label
        ids = get_column(captures, KEY)
        branches = _get_numbers(captures, "branch")
        hours = _get_numbers(captures, "hour")
        numbers = self._labels.look_up_ids(ids)
        labels = self._labels.match_labels(numbers, hours)

        has_label = labels >= 0

        # For the counts at the end: which labels have a capture, and which ids have no label
        self._matched[numbers[has_label]] = True
        self._captured[numbers[numbers >= 0]] = True
        self._without_label.append(ids.filter(pa.array(numbers < 0)))
        self._remembered_captures.mark_seen(captures)

        # A capture has a label, gets the absent label, or waits for a label
        is_absent = ~has_label & join.is_due(hours)
        is_waiting = ~has_label & ~is_absent
        for name, flags in (("labelled", has_label), ("absent", is_absent), ("waiting", is_waiting)):
            self.counts.count_rows(name, branches[flags], hours[flags])

        # A capture is written once for each kind of file that it belongs to
        seconds = _get_numbers(captures, "time") // MICROSECONDS - hours * SECONDS_PER_HOUR
        kinds = [(LineKind.MERGED, ~is_waiting), (LineKind.ABSENT, is_absent), (LineKind.WAITING, is_waiting)]
        if join.label_hours is not None:
            kinds.append((LineKind.LABELLED, has_label))
        for kind, flags in kinds:
            if not flags.any():
                continue
            part = pa.array(join.parts.numbers(kind, branches[flags], hours[flags], seconds[flags]))
            if kind is LineKind.MERGED:
                yield from self._format_merged(captures, labels, flags, part)
            else:
                yield from self._format_remembered(captures, labels, flags, part, are_absent=kind is LineKind.ABSENT)

    def _format_merged(self, captures: pa.Table, labels: Integers, flags: Flags, part: pa.Array) -> Batches:
        """Captures with their ground truth after the last member, ordered by time."""
        truths = self._labels.take_truths(labels)
        if self._join.absent is not None:
            truths = pc.if_else(flags, pc.fill_null(truths, self._join.absent.truth), None)
        # The captured text lacks its closing brace, so that joining texts adds the member
        texts = pc.binary_join_element_wise(captures.column(TEXT), ',"groundTruthData":', truths, "}", "")
        merged_texts = pa.chunked_array(map(_drop_nulls, texts.chunks), pa.string())
        # Lines are sorted by time and event, so that reruns write the same bytes
        sort_columns = captures.select(["time", "event"]).filter(pa.array(flags))
        yield from pa.table([part, *sort_columns.columns, merged_texts], LINE_SCHEMA).to_batches()

    def _format_remembered(
        self, captures: pa.Table, labels: Integers, flags: Flags, part: pa.Array, *, are_absent: bool
    ) -> Batches:
        """Lines with what later merges need to know about captures (`pending_hours.ID_SCHEMA`), in sort order."""
        absent_text = pa.scalar("true" if are_absent else None, pa.string())
        ids, scores = (get_column(captures, name).filter(pa.array(flags)) for name in (KEY, "score"))
        members = {
            ',"label":': self._labels.take_hashes(labels[flags]).cast(pa.string()),
            ',"absent":': pa.repeat(absent_text, len(ids)),
            ',"score":': format_json_texts(scores),
        }
        # A member with the value null is left out
        member_texts = [
            pc.fill_null(pc.binary_join_element_wise(name, value, ""), "") for name, value in members.items()
        ]
        texts = pc.binary_join_element_wise('{"id":', format_json_texts(ids), *member_texts, "}", "")
        # Without time and event, lines are ordered by their text, and so by id
        null_columns = [pa.nulls(len(ids), LINE_SCHEMA.field(name).type) for name in ("time", "event")]
        yield from pa.table([part, *null_columns, texts], LINE_SCHEMA).to_batches()

    def _without_counts(self, rows: pa.Table) -> pa.Table:
        """The rows without rows of counts, which are added to this bucket's counts."""
        are_counts = _get_numbers(rows, ROLE) == Role.COUNTS
        for text in _filter_rows(rows, are_counts).column(TEXT).to_pylist():
            self.counts.update(Counts.parse_text(text))
        return _filter_rows(rows, ~are_counts)

    def format_counts(self) -> Batches:
        """One line with all counts, after the last capture."""
        self.counts.update({(f"labels {name}",): int(labels.sum()) for name, labels in self._labels.account.items()})
        # Repeated captures of an id, such as those of a retried request
        captures = sum(count for key, count in self.counts.items() if key[0] in ("labelled", "absent", "waiting"))
        ids_without_label = pa.chunked_array(self._without_label, pa.string()).combine_chunks()
        _, distinct_hashes, _, _ = _number_texts(ids_without_label)
        self.counts[("with the id of another",)] += captures - int(self._captured.sum()) - len(distinct_hashes)
        # Labels outside the run's hours belong to captures of other hours, and are not counted
        is_in_window = self._labels.account["ids"] > 0
        self.counts[("labels matched",)] += int((is_in_window & self._matched).sum())
        self.counts[("labels matched earlier",)] += int((is_in_window & ~self._matched & self._remembered).sum())
        self._count_changes()
        if +self.counts:
            line = {PART_COLUMN: self._join.parts.counts_number, TEXT: self.counts.text}
            yield pa.RecordBatch.from_pylist([line], LINE_SCHEMA)

    def _count_news(self, rows: pa.Table) -> None:
        """Count the remembered captures of other hours whose label has changed."""
        ids = get_column(rows, KEY)
        hours = _get_numbers(rows, "hour")
        numbers = self._labels.look_up_ids(ids)
        self._remembered[numbers[numbers >= 0]] = True
        previous_hashes = _get_numbers(rows, "label")
        # A label has changed if the absent label is due, or if a label came or is another one
        had_no_label = _is_null(rows, "label")
        differs = had_no_label & _is_null(rows, "absent") & self._join.is_due(hours)
        for indices, labels in self._labels.iterate_labels(numbers):
            # Labels from before the window were known at the last merge
            differs[indices] |= self._labels.is_not_before(labels, self._join.since) & (
                had_no_label[indices] | (self._labels.hashes[labels] != previous_hashes[indices])
            )
        self.counts.count_rows("news", _get_numbers(rows, "branch")[differs], hours[differs])

    def _count_changes(self) -> None:
        """Count the changes to remembered captures in the hours that were merged again."""
        remembered = self._remembered_captures

        # All remembered captures, then only those of ids that have captures again
        branches = _get_numbers(remembered.rows, "branch")
        capture_counts = _get_numbers(remembered.rows, "captures")
        self.counts.add("remembered", capture_counts, branches, _get_numbers(remembered.rows, "hour"))
        rows = remembered.rows.filter(pa.array(remembered.seen))
        hours = _get_numbers(rows, "hour")
        numbers_of_hour = (_get_numbers(rows, "branch"), hours)

        # Their labels now, and whether they had a label before
        labels = self._labels.match_labels(self._labels.look_up_ids(get_column(rows, KEY)), hours)
        current_hashes = self._labels.take_hashes(labels)
        had_no_label = _is_null(rows, "label")
        has_label = labels >= 0

        # What changed: an id got a label, a different label, or the absent label
        is_added = had_no_label & has_label
        is_changed = ~had_no_label & has_label & (_get_numbers(rows, "label") != current_hashes.fill_null(0).to_numpy())
        is_absent = had_no_label & _is_null(rows, "absent") & ~has_label & self._join.is_due(hours)
        for name, flags in (("added", is_added), ("changed", is_changed), ("came absent", is_absent)):
            self.counts.count_rows(name, *(numbers[flags] for numbers in numbers_of_hour))

        # Their counts when they were merged before; an id may have several captures
        times = _get_numbers(rows, "captures")
        self.counts.add("captures before", times, *numbers_of_hour)
        self.counts.add("labelled before", times * ~had_no_label, *numbers_of_hour)


def _drop_nulls(texts: pa.StringArray) -> pa.StringArray:
    """The texts that are not null, over the same bytes; nulls must have no bytes."""
    starts = compute_text_starts(texts).astype(np.int32)
    has_start = np.append(texts.is_valid(), True)
    return pa.StringArray.from_buffers(has_start.sum() - 1, pa.py_buffer(starts[has_start]), get_text_buffer(texts))


class Labels:
    """The labels of a bucket by id: those that a capture may get, the candidates.

    Of the labels of an id the last one counts; if labels are limited to some hours, the last one of each hour. These candidates
    are sorted by id, then by position in the source; "a label" below is the index of a candidate. The number of an id is the
    rank of its hash; no two ids have the same hash. hashes: the hash of each candidate's text.
    """

    def __init__(self, rows: pa.Table, label_hours: LabelHours | None) -> None:
        self._ids = get_column(rows, KEY)
        self._texts = get_column(rows, TEXT)
        self._hash_ids, self._id_hashes, self._example_indices, numbers = _number_texts(self._ids)
        # Sorted by id, then by position in the source, so that the last label doesn't depend on partitions
        positions = [_get_numbers(rows, name) for name in ("record", "block", "rank")]
        order = np.lexsort([*positions, numbers])
        numbers = numbers[order]
        hashes = hash_texts(self._texts).view(np.int64)[order]
        hours = _get_numbers(rows, "hour", -1)[order]
        has_no_hour = _is_null(rows, "hour")[order]
        self._label_hours = label_hours
        # A label that is in no hour folder may belong to captures of any hour
        is_inside = np.ones(len(order), np.bool_)
        if label_hours is not None:
            is_inside = label_hours.covers(hours) | has_no_hour
        self.account = _account_labels(hashes, is_inside, numbers, len(self))
        # The candidates: the last label of each id, or of each id and hour
        is_last = np.append(numbers[1:] != numbers[:-1], True)[: len(numbers)]
        if label_hours is not None:
            is_last[:-1] |= hours[1:] != hours[:-1]
        self.hashes: Integers = hashes[is_last]
        self._positions = order[is_last]
        self._hours = hours[is_last]
        self._has_no_hour = has_no_hour[is_last]
        # The candidates of id number n are those from starts[n] up to, but without, starts[n + 1]
        self._starts = np.searchsorted(numbers[is_last], np.arange(len(self) + 1))

    def __len__(self) -> int:
        """Number of ids with a label."""
        return len(self._id_hashes)

    def look_up_ids(self, ids: pa.StringArray) -> Integers:
        """The numbers of ids; -1 for an id without a label."""
        if not len(self):
            return np.full(len(ids), -1)
        hashes = self._hash_ids(ids)
        by_hash = np.argsort(hashes)  # binary searches for sorted hashes use the processor's cache
        numbers: Integers = np.empty(len(ids), np.int64)
        numbers[by_hash] = np.searchsorted(self._id_hashes, hashes[by_hash]).clip(max=len(self) - 1)
        # An id without a label may have the hash of another one, so the texts are compared
        labelled_ids = self._ids.take(self._example_indices[numbers])
        numbers[~np.asarray(pc.equal(ids, labelled_ids))] = -1
        return numbers

    def take_truths(self, labels: Integers) -> pa.StringArray:
        """The truths of labels, null for -1."""
        # The 0 that is appended is the position for -1, which the mask hides
        positions = np.append(self._positions, 0)[labels]
        return self._texts.take(pa.array(positions, mask=labels < 0))

    def match_labels(self, numbers: Integers, hours: Integers) -> Integers:
        """The label of each capture, by its id's number and its hour: the last label near enough, -1 if there is none."""
        matches: Integers = np.full(len(numbers), -1)
        for indices, labels in self.iterate_labels(numbers):
            is_near = np.ones(len(labels), np.bool_)
            if self._label_hours is not None:
                is_near = np.abs(self._hours[labels] - hours[indices]) <= self._label_hours.max_delay_hours
                is_near |= self._has_no_hour[labels]
            # Labels come from the last one to the first, so the first near one that is found is the last near one
            is_first = is_near & (matches[indices] < 0)
            matches[indices[is_first]] = labels[is_first]
        return matches

    def iterate_labels(self, numbers: Integers) -> Iterator[tuple[Integers, Integers]]:
        """The labels of ids, from the last label of each id to its first. numbers: the ids' numbers.

        Each round gives the indexes of the ids that have another label, and that label; there are as many rounds as an id has
        candidates. A round is a few array operations for all ids.
        """
        indices = np.flatnonzero(numbers >= 0)
        labels = self._starts[numbers[indices] + 1] - 1
        while len(indices):
            yield indices, labels
            labels = labels - 1
            has_more = labels >= self._starts[numbers[indices]]
            indices = indices[has_more]
            labels = labels[has_more]

    def is_not_before(self, labels: Integers, hour: int) -> Flags:
        """Whether labels are from this hour or a later one."""
        flags: Flags = self._has_no_hour[labels] | (self._hours[labels] >= hour)
        return flags

    def take_hashes(self, labels: Integers) -> pa.Int64Array:
        """The hashes of labels, null for -1."""
        return pa.array(self.hashes).take(pa.array(labels, mask=labels < 0))


class RememberedCaptures:
    """The remembered captures of hours that are merged again, one row for each id of an hour."""

    def __init__(self, rows: pa.Table) -> None:
        columns = [(KEY, "count"), ("label", "max"), ("absent", "max")]
        # One row for each id of an hour, with how many captures it had
        capture_groups = rows.group_by(["branch", "hour", KEY], use_threads=False).aggregate(columns)
        names = {f"{KEY}_count": "captures", "label_max": "label", "absent_max": "absent"}
        column_names = [names.get(name, name) for name in capture_groups.column_names]
        self.rows = capture_groups.rename_columns(column_names).combine_chunks()
        self.seen = np.zeros(self.rows.num_rows, np.bool_)
        self._keys = _compose_keys(self.rows)

    def mark_seen(self, captures: pa.Table) -> None:
        """Mark the remembered captures whose id has a capture in the same hour now."""
        if len(self._keys):
            self.seen |= np.asarray(pc.is_in(self._keys, _compose_keys(captures)))


def _number_texts(
    texts: pa.StringArray, hash_function: HashFunction = hash_texts
) -> tuple[HashFunction, Hashes, Integers, Integers]:
    """Numbers for texts, which are the ranks of their hashes.

    Returns a hash function without collisions among the texts, the distinct hashes in order, the index of one text for each
    hash, and the number of each text.
    """
    hashes = hash_function(texts)
    by_hash = np.argsort(hashes)
    hashes = hashes[by_hash]
    # Sorted by hash, equal neighbours are either the same text or a collision
    is_distinct = np.append(True, hashes[1:] != hashes[:-1])[: len(hashes)]
    repeat_indices = np.flatnonzero(~is_distinct)
    repeated_texts = texts.take(by_hash[repeat_indices])
    previous_texts = texts.take(by_hash[repeat_indices - 1])
    # After a collision, the texts are hashed again with a random key: nobody can choose ids that collide under it
    if not np.asarray(pc.equal(repeated_texts, previous_texts)).all():
        return _number_texts(texts, partial(_hash_with_key, os.urandom(16)))
    numbers = np.empty(len(hashes), np.int64)
    numbers[by_hash] = np.cumsum(is_distinct) - 1
    return hash_function, hashes[is_distinct], by_hash[is_distinct], numbers


def _hash_with_key(key: bytes, texts: pa.StringArray) -> Hashes:
    """Hashes that nobody can predict without the key; clients choose the ids, and could choose some that collide under xxHash."""
    digests = (blake2b(text.encode(), digest_size=8, key=key).digest() for text in texts.to_pylist())
    return np.frombuffer(b"".join(digests), np.uint64)


def _account_labels(hashes: Integers, is_inside: Flags, numbers: Integers, ids: int) -> dict[str, Integers | Flags]:
    """The labels inside the run's hours by id, with the names of `LabelAccount`. All inputs are sorted by id."""
    hashes = hashes[is_inside]
    numbers_inside = numbers[is_inside]
    counts = np.bincount(numbers_inside, minlength=ids)
    # Neighbours of one id with different hashes: its labels contradict each other
    differs = (numbers_inside[1:] == numbers_inside[:-1]) & (hashes[1:] != hashes[:-1])
    has_several = np.bincount(numbers_inside[1:][differs], minlength=ids) > 0
    superseded_counts = np.maximum(counts - 1, 0)
    return {
        "ids": counts > 0,
        "repeated": superseded_counts * ~has_several,
        "contradicted": superseded_counts * has_several,
        "outside_window": ~is_inside,
    }


def _compose_keys(rows: pa.Table) -> pa.Array:
    """Branch, hour and id as a single text."""
    numbers = [get_column(rows, name).cast(pa.string()) for name in ("branch", "hour")]
    return pc.binary_join_element_wise(*numbers, get_column(rows, KEY), "/")


def _filter_rows(rows: pa.Table, flags: Flags) -> pa.Table:
    if flags.all():
        return rows
    return rows.filter(pa.array(flags))


def _get_numbers(rows: pa.Table, name: str, default: int = 0) -> Integers:
    return np.asarray(get_column(rows, name).fill_null(default))


def _is_null(rows: pa.Table, name: str) -> Flags:
    return are_missing(get_column(rows, name))
