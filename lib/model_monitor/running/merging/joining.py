"""One bucket of a merge: all labels, remembered captures and captures of some ids, and the records of them that are due.

A capture that got no label in time may have one by default: no click is a label, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model_monitor.data.records.arrays import Flags
from model_monitor.running.merging.captured import MICROSECONDS
from model_monitor.running.merging.labels import Period
from model_monitor.running.merging.rows import KEY, ROLE, SCHEMA, TEXT, Counts, Role, json_texts
from model_monitor.running.merging.sources import PART, SECONDS, Kind, Parts
from model_monitor.statistics.states.hashing import Hashes, xxhash64_of_texts


@dataclass(frozen=True, slots=True)
class AbsentLabel:
    """What a capture is labelled with when so many hours have gone by since its own. as_of: the hour that the run is for."""

    label: str
    after_hours: int
    as_of: int

    @property
    def truth(self) -> str:
        """The JSON text of `groundTruthData`."""
        return json.dumps({"data": self.label, "encoding": "CSV"}, separators=(",", ":"), ensure_ascii=False)

    def is_due(self, hours: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the period of the captures of these hours is over."""
        due: NDArray[np.bool_] = hours + 1 + self.after_hours <= self.as_of
        return due


LINES = pa.schema([(PART, pa.int64()), ("time", pa.int64()), ("event", pa.string()), (TEXT, pa.string())])
"""What becomes of the rows: a text for a folder of `Parts`, and what it stands in order by."""

CHUNK_BYTES = 32 * 2**20

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Join:
    """The task that makes `LINES` of a bucket. since: labels of earlier hours were known before."""

    parts: Parts
    period: Period | None = None
    absent: AbsentLabel | None = None
    since: int = 0

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        held: list[pa.RecordBatch] = []
        bucket, size = None, 0
        for batch in batches:
            if not batch.num_rows:
                continue
            if bucket is None and batch.column(ROLE)[batch.num_rows - 1].as_py() == Role.CAPTURE:
                is_capture = pc.equal(batch.column(ROLE), int(Role.CAPTURE))
                bucket = Bucket(self, pa.Table.from_batches([*held, batch.filter(pc.invert(is_capture))], SCHEMA))
                held, batch, size = [], batch.filter(is_capture), 0
            held.append(batch)
            size += batch.nbytes
            if bucket is not None and size >= CHUNK_BYTES:
                yield from bucket.lines_of(pa.Table.from_batches(held))
                held, size = [], 0
        if bucket is None:
            bucket, held = Bucket(self, pa.Table.from_batches(held, SCHEMA)), []
        if held:
            yield from bucket.lines_of(pa.Table.from_batches(held))
        yield from bucket.lines_of_counts()

    def is_due(self, hours: Numbers) -> Flags:
        """Whether captures of these hours without a label are labelled as absent."""
        return np.zeros(len(hours), np.bool_) if self.absent is None else self.absent.is_due(hours)


class Bucket:
    """What is known of some ids before their captures come, and what is counted of them."""

    def __init__(self, join: Join, rows: pa.Table) -> None:
        of_role = {role: rows.filter(pc.equal(rows.column(ROLE), int(role))) for role in Role}
        self._join = join
        self.counts = Counts()
        for text in of_role[Role.COUNTS].column(TEXT).to_pylist():
            self.counts.update(Counts.of_text(text))
        self._labels = Labels(of_role[Role.LABEL], join.period)
        self._before = Before(of_role[Role.BEFORE])
        self._ids: list[pa.Array] = []
        self._met = np.zeros(len(self._labels.ids), np.bool_)
        self._remembered = np.zeros(len(self._labels.ids), np.bool_)
        self._look_for_news(of_role[Role.EARLIER])

    def lines_of(self, captures: pa.Table) -> Iterator[pa.RecordBatch]:
        """The lines of some captures."""
        captures = captures.combine_chunks()
        rows = {name: _column(captures, name) for name in ("branch", "hour", "time")}
        ids, join = _array(captures, KEY), self._join
        found, numbers = self._labels.found(ids, rows["hour"])
        self._met[numbers[found >= 0]] = True
        self._ids.append(ids)
        self._before.see(captures)
        absent = (found < 0) & join.is_due(rows["hour"])
        waiting = (found < 0) & ~absent
        for name, flags in (("labelled", found >= 0), ("absent", absent), ("waiting", waiting)):
            self.counts.by(name, rows["branch"][flags], rows["hour"][flags])
        seconds = rows["time"] // MICROSECONDS - rows["hour"] * SECONDS
        kinds = [(Kind.MERGED, ~waiting), (Kind.ABSENT, absent), (Kind.WAITING, waiting)]
        if join.period is not None:
            kinds.append((Kind.LABELLED, found >= 0))
        for kind, flags in kinds:
            if flags.any():
                those, own = captures.filter(pa.array(flags)), found[flags]
                part = join.parts.numbers(kind, *(column[flags] for column in (rows["branch"], rows["hour"], seconds)))
                yield from (self._merged if kind is Kind.MERGED else self._known)(those, own, pa.array(part), kind)

    def _merged(self, captures: pa.Table, found: Numbers, part: pa.Array, _: Kind) -> Iterator[pa.RecordBatch]:
        """Captures with their ground truth behind their last member, by their time."""
        truths = self._labels.truths.take(pa.array(found, mask=found < 0))
        if self._join.absent is not None:
            truths = pc.fill_null(truths, self._join.absent.truth)
        texts = pc.binary_join_element_wise(_array(captures, TEXT), ',"groundTruthData":', truths, "}", "")
        yield from pa.table([part, captures.column("time"), captures.column("event"), texts], LINES).to_batches()

    def _known(self, captures: pa.Table, found: Numbers, part: pa.Array, kind: Kind) -> Iterator[pa.RecordBatch]:
        """What is remembered of captures (`pending.ID_SCHEMA`), in order by itself."""
        absent = pa.scalar("true" if kind is Kind.ABSENT else None, pa.string())
        members = {
            ',"label":': self._labels.hashes_of(found).cast(pa.string()),
            ',"absent":': pa.repeat(absent, len(found)),
            ',"score":': json_texts(_array(captures, "score")),
        }
        written = [pc.fill_null(pc.binary_join_element_wise(name, value, ""), "") for name, value in members.items()]
        texts = pc.binary_join_element_wise('{"id":', json_texts(_array(captures, KEY)), *written, "}", "")
        nothing = [pa.nulls(len(found), LINES.field(name).type) for name in ("time", "event")]
        yield from pa.table([part, *nothing, texts], LINES).to_batches()

    def lines_of_counts(self) -> Iterator[pa.RecordBatch]:
        """One line with all counts, when every capture has been seen."""
        self._labels.account_for(self.counts)
        captures = sum(self.counts[key] for key in self.counts if key[0] in ("labelled", "absent", "waiting"))
        self.counts[("with the id of another",)] += captures - _different(self._ids)
        own = self._labels.of_the_run
        self.counts[("labels matched",)] += int((own & self._met).sum())
        self.counts[("labels matched earlier",)] += int((own & ~self._met & self._remembered).sum())
        self._count_changes()
        if +self.counts:
            line = [pa.array([self._join.parts.of_counts]), pa.nulls(1, pa.int64()), pa.nulls(1, pa.string())]
            yield pa.RecordBatch.from_arrays([*line, pa.array([self.counts.text])], schema=LINES)

    def _look_for_news(self, rows: pa.Table) -> None:
        """Count the remembered captures of other hours that have another label by now."""
        ids, hours = _array(rows, KEY), _column(rows, "hour")
        numbers = self._labels.numbers_of(ids)
        self._remembered[numbers[numbers >= 0]] = True
        was, waits = _column(rows, "label"), _is_null(rows, "label")
        differs = waits & _is_null(rows, "absent") & self._join.is_due(hours)
        for places, labels in self._labels.of_each(numbers):
            differs[places] |= self._labels.is_since(labels, self._join.since) & (
                waits[places] | (self._labels.hashes[labels] != was[places])
            )
        self.counts.by("news", _column(rows, "branch")[differs], hours[differs])

    def _count_changes(self) -> None:
        """Count what has become of the remembered captures of the hours that were merged again."""
        before = self._before
        self.counts.update({("remembered", *hour): count for hour, count in before.captures_by_hour().items()})
        rows = before.rows.filter(pa.array(before.seen))
        hours, numbers_of_hour = _column(rows, "hour"), (_column(rows, "branch"), _column(rows, "hour"))
        found, _ = self._labels.found(_array(rows, KEY), hours)
        now, had_none = self._labels.hashes_of(found), _is_null(rows, "label")
        came = had_none & (found >= 0)
        changed = ~had_none & (found >= 0) & (_column(rows, "label") != now.fill_null(0).to_numpy())
        absent = had_none & _is_null(rows, "absent") & (found < 0) & self._join.is_due(hours)
        for name, flags in (("added", came), ("changed", changed), ("came absent", absent)):
            self.counts.by(name, *(numbers[flags] for numbers in numbers_of_hour))
        times = _column(rows, "captures")
        for name, weights in (("captures before", times), ("labelled before", times * ~had_none)):
            for branch, hour, count in zip(*(n.tolist() for n in (*numbers_of_hour, weights)), strict=True):
                self.counts[(name, branch, hour)] += count


def _different(texts: Sequence[pa.StringArray]) -> int:
    """How many different texts there are. Hashes that all differ are of such; where some are equal the texts are asked."""
    if not any(some.null_count for some in texts):
        hashes = np.sort(np.concatenate([np.empty(0, np.uint64), *map(xxhash64_of_texts, texts)]))
        if (hashes[1:] != hashes[:-1]).all():
            return len(hashes)
    return int(pc.count_distinct(pa.chunked_array(texts, pa.string())).as_py())


class Labels:
    """The labels of a bucket, by id: those that may be the last one of a capture.

    ids: the different ones, shape (ids,). truths, hashes: of the labels, by id, then in order, shape (labels,).
    """

    def __init__(self, rows: pa.Table, period: Period | None) -> None:
        encoded = _array(rows, KEY).dictionary_encode()
        numbers = encoded.indices.to_numpy().astype(np.int64)
        order = np.lexsort([_column(rows, name) for name in ("record", "block", "rank")])
        order = order[np.argsort(numbers[order], kind="stable")]
        rows, numbers = rows.take(pa.array(order)), numbers[order]
        self.ids = encoded.dictionary
        self._period = period
        self._account = _account(rows, numbers, len(self.ids), period)
        if period is None:
            is_last = np.append(numbers[1:] != numbers[:-1], True)
        else:
            hours = _column(rows, "hour", -1)
            is_last = np.append((numbers[1:] != numbers[:-1]) | (hours[1:] != hours[:-1]), True)
        last = rows.filter(pa.array(is_last[: len(numbers)]))
        numbers = numbers[is_last[: len(numbers)]]
        self.truths = _array(last, TEXT)
        self.hashes: Numbers = xxhash64_of_texts(self.truths).view(np.int64)
        self._hours, self._has_no_hour = _column(last, "hour"), _is_null(last, "hour")
        self._starts = np.searchsorted(numbers, np.arange(len(self.ids) + 1))

    @property
    def of_the_run(self) -> Flags:
        """Which ids have a label that the run accounts for."""
        flags: Flags = self._account["ids"]
        return flags

    def account_for(self, counts: Counts) -> None:
        """Count the labels."""
        for name, flags in self._account.items():
            counts[(f"labels {name}",)] += int(flags.sum())

    def numbers_of(self, ids: pa.StringArray) -> Numbers:
        """The numbers of ids; -1 for one without a label."""
        hashes, order = self._sorted_hashes
        if not len(hashes) or ids.null_count or (hashes[1:] == hashes[:-1]).any():
            numbers: Numbers = pc.index_in(ids, self.ids).fill_null(-1).to_numpy().astype(np.int64)
            return numbers
        of_ids = xxhash64_of_texts(ids)
        by_hash = np.argsort(of_ids)  # neighbours are looked up in one place of memory
        places = np.empty(len(ids), np.int64)
        places[by_hash] = np.searchsorted(hashes, of_ids[by_hash]).clip(max=len(hashes) - 1)
        candidates: Numbers = order[places]
        candidates[~np.asarray(pc.equal(ids, self.ids.take(pa.array(candidates))))] = -1
        return candidates

    @cached_property
    def _sorted_hashes(self) -> tuple[Hashes, Numbers]:
        """The hashes of the ids, sorted, and which each is of: looked up in them, the ids of many captures wait for no table."""
        hashes = xxhash64_of_texts(self.ids)
        order = np.argsort(hashes)
        return hashes[order], order

    def found(self, ids: pa.StringArray, hours: Numbers) -> tuple[Numbers, Numbers]:
        """The label of each capture of these ids and hours, the last one that is near enough, -1 if it has none; and the
        numbers of the ids."""
        numbers = self.numbers_of(ids)
        found = np.full(len(numbers), -1)
        for places, labels in self.of_each(numbers):
            is_near = self._has_no_hour[labels]
            if self._period is None:
                is_near = np.ones(len(labels), np.bool_)
            else:
                is_near = is_near | (np.abs(self._hours[labels] - hours[places]) <= self._period.hours)
            is_first = is_near & (found[places] < 0)
            found[places[is_first]] = labels[is_first]
        return found, numbers

    def of_each(self, numbers: Numbers) -> Iterator[tuple[Numbers, Numbers]]:
        """The labels of ids by their numbers, from each one's last to its first: the places of the ids that have one more,
        and the label. As many rounds as an id has hours with labels."""
        places = np.flatnonzero(numbers >= 0)
        labels = self._starts[numbers[places] + 1] - 1
        while len(places):
            yield places, labels
            labels = labels - 1
            has_more = labels >= self._starts[numbers[places]]
            places, labels = places[has_more], labels[has_more]

    def is_since(self, labels: Numbers, hour: int) -> Flags:
        """Whether labels are of this hour or a later one."""
        flags: Flags = self._has_no_hour[labels] | (self._hours[labels] >= hour)
        return flags

    def hashes_of(self, labels: Numbers) -> pa.Int64Array:
        """Their hashes, null for -1."""
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
        """Note the ids of hours that have captures now."""
        if len(self._keys):
            self.seen |= np.asarray(pc.is_in(self._keys, _composed(captures)))

    def captures_by_hour(self) -> Counts:
        """How many captures the hours had."""
        counts = Counts()
        columns = (_column(self.rows, name).tolist() for name in ("branch", "hour", "captures"))
        for branch, hour, count in zip(*columns, strict=True):
            counts[(branch, hour)] += count
        return counts


def _account(rows: pa.Table, numbers: Numbers, ids: int, period: Period | None) -> dict[str, NDArray[Any]]:
    """The labels of each id that the run accounts for, as `LabelAccount` names them. rows: sorted by id."""
    inside = np.ones(len(numbers), np.bool_) if period is None else period.holds(_array(rows, "hour"))
    hashes, own = xxhash64_of_texts(_array(rows, TEXT).filter(pa.array(inside))), numbers[inside]
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
    """Branch, hour and id as one text."""
    numbers = [_array(rows, name).cast(pa.string()) for name in ("branch", "hour")]
    return pc.binary_join_element_wise(*numbers, _array(rows, KEY), "/")


def _array(rows: pa.Table, name: str) -> pa.Array:
    chunked = rows.column(name)
    return (
        chunked.chunk(0) if chunked.num_chunks == 1 else pa.concat_arrays([pa.array([], chunked.type), *chunked.chunks])
    )


def _column(rows: pa.Table, name: str, default: int = 0) -> Numbers:
    numbers: Numbers = _array(rows, name).fill_null(default).to_numpy(zero_copy_only=False)
    return numbers


def _is_null(rows: pa.Table, name: str) -> Flags:
    flags: Flags = np.asarray(_array(rows, name).is_null())
    return flags
