"""Finds what the rows behind a change have in common: their segment, and their origin. Pure, except for reading a sample.

Rows are divided by keys. Keys are columns, alone and in pairs, and the known origins of rows: their file, its
folder, their time. `contributions` finds the parts of a key that contribute most of the change; this module turns them into
members of checks.json.

Source: D4.19.
"""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TypedDict

import numpy as np
import pyarrow as pa

from spark_model_monitor.data.profiling.row_sample import (
    MISSING,
    BinnedColumn,
    Bins,
    RowBinner,
    RowSample,
    draw_row_sample,
    read_sampled_rows,
)
from spark_model_monitor.data.profiling.segment_cuts import AND, CutColumn
from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.data.records.event_times import parse_microseconds
from spark_model_monitor.data.records.windows import convert_microseconds
from spark_model_monitor.documents.change_description import ONE_VALUE
from spark_model_monitor.documents.check_results import ONE_SEGMENT, Cause, CheckResult, Results, remove_values
from spark_model_monitor.documents.page import format_percent
from spark_model_monitor.errors import MonitorError, NoData
from spark_model_monitor.monitors.contributions import (
    MIN_PART_ROWS,
    MIN_SHARE_ALONE,
    MIN_SHARE_OF_CHANGE,
    BinnedChange,
    Codes,
    Culprit,
    Key,
    compute_shares,
    create_ordered_tests,
)
from spark_model_monitor.statistics.states.data_types import parse_numbers
from spark_model_monitor.statistics.states.segments import MISSING as NO_VALUE
from spark_model_monitor.statistics.states.segments import format_rest_label
from spark_model_monitor.value_class import value_class

log = logging.getLogger(__name__)

MAX_CANDIDATES = 40  # maximum number of columns by which rows are divided
MAX_PAIRED = 16  # number of these columns that are also used in pairs
MAX_VALUES = 50  # maximum number of distinct values in such a column
# Maximum number of distinct numbers that count as codes; with more, numbers are divided at the quartiles
MAX_CODES = 12
QUARTILES = (0.25, 0.5, 0.75)
LEARNING_ROWS = 10_000  # rows of the baseline from which values and quartiles are learnt
MIN_EXCESS_SHARE = 0.25  # minimum of a part's share of the change minus its share of the rows
MIN_EXCESS_SHARE_OF_STRETCH = 0.1  # the same for neighbouring parts, of which there are fewer to choose from
MAX_ROWS_OF_PAIR = 0.8  # a pair is named instead of a single value if it has at most this share of the value's rows
CLEARLY_SMALLER_SHARE = 0.15  # a cause that explains this much less of the change than another cause is dropped
ORDERED_PENALTY = 0.05  # subtracted in the ranking of ordered keys, because a file is more informative than its time
STRETCHES = 200  # number of stretches into which ordered rows are divided
MAX_TEXTS = 500  # maximum number of distinct texts of a key; with more, they identify single records
NEARLY_ALL = 0.95  # from this share of a change on, a sentence says "all"
MINUTE = 60_000_000  # in microseconds
TIME = "time"
ID = "id"
FOLDER = "folder"
FILE = "file"
POSITION = "position"


# The keys of a window: its columns, alone and in pairs, and the origins of its rows


@value_class
class Candidate:
    """A column by which rows may be divided. labels: the names of its bins."""

    name: str
    binned: BinnedColumn
    labels: tuple[str, ...]

    @classmethod
    def from_cuts(cls, name: str, position: int, cuts: Sequence[float]) -> Candidate:
        # A bin includes its upper edge, but a range begins at the cut, so edges are just below the cuts
        below = tuple(math.nextafter(cut, -math.inf) for cut in cuts)
        labels = CutColumn(position, name, tuple(cuts)).list_ranges()
        return cls(name, BinnedColumn(position, below), (f"{name}={NO_VALUE}", format_rest_label(name), *labels))

    @classmethod
    def from_values(cls, name: str, position: int, values: Iterable[str]) -> Candidate:
        sorted_values = tuple(sorted(values))
        labels = (f"{name}={NO_VALUE}", format_rest_label(name), *(f"{name}={value}" for value in sorted_values))
        return cls(name, BinnedColumn(position, values=sorted_values), labels)


def create_column_keys(candidates: Sequence[Candidate], now: Bins, before: Bins) -> Iterator[Key]:
    """Yield a key for each column, then for each pair of the first ones. now, before: the bins of rows, in the
    candidates' order.
    """
    singles = itertools.combinations(range(len(candidates)), 1)
    pairs = itertools.combinations(range(min(len(candidates), MAX_PAIRED)), 2)
    for indices in (*singles, *pairs):
        columns = [candidates[index] for index in indices]
        names = tuple(column.name for column in columns)
        label_parts = [column.labels for column in columns]
        labels = tuple(map(AND.join, itertools.product(*label_parts)))
        # One code for each combination of bins, in the order of the labels
        sizes = [len(column.labels) for column in columns]
        codes = np.ravel_multi_index(tuple(now[:, indices].T), sizes)
        codes_before = np.ravel_multi_index(tuple(before[:, indices].T), sizes)
        yield Key(
            "*".join(names),
            codes,
            len(labels),
            labels,
            codes_before=codes_before,
            columns=names,
            have_ranges=any(column.binned.cuts for column in columns),
        )


def create_origin_keys(sample: RowSample, rows_before: int) -> Iterator[Key]:
    """Yield keys for the origins of rows: metadata of the records, folder and file, position and time. rows_before: number of
    the baseline's rows, whose places are the counterparts of places; 0 if they weren't read.
    """
    # The names of the records' metadata
    names = set(itertools.chain.from_iterable(sample.said))
    for name in sorted(names - {TIME, ID}):
        yield from _create_value_keys(name, [metadata.get(name) for metadata in sample.said])
    times = _read_times(sample)
    if sample.files:
        yield from _create_value_keys(FOLDER, [_get_writer_folder(file) for file in sample.files])
        yield _create_file_key(sample, times, rows_before)
    if times is not None and len(np.unique(times // MINUTE)) > 1:
        yield _create_time_key(times)


def _create_file_key(sample: RowSample, times: Codes | None, rows_before: int) -> Key:
    """The key of the files, which are described by their earliest time; a single file is divided by its rows."""
    files, codes = np.unique(np.array(sample.files), return_inverse=True)
    num_files = len(files)
    if num_files > 1:
        starts = None
        if times is not None:
            starts = [int(times[codes == index].min()) for index in range(num_files)]
        describe = partial(_describe_files, num_files, starts)
        return Key(FILE, codes, num_files, describe=describe, may_be_several=True)
    # A single file has stretches of neighbouring rows
    ends = np.linspace(0, sample.rows, STRETCHES + 1).round()
    describe = partial(_describe_stretch, [f"row {int(end):,} of the file" for end in ends])
    codes, codes_before = (np.arange(rows) * STRETCHES // rows for rows in (len(sample.bins), rows_before))
    return Key(POSITION, codes, STRETCHES, describe=describe, codes_before=codes_before, is_ordered=True)


def _create_time_key(times: Codes) -> Key:
    """The key of the time, divided so that each stretch has equally many of the minutes that occur."""
    # Some minutes may have many rows, and others none
    minute_of_row = times // MINUTE
    minutes = np.unique(minute_of_row)
    edges = minutes[np.linspace(0, len(minutes), min(STRETCHES, len(minutes)) + 1).astype(int)[:-1]]
    codes = np.searchsorted(edges, minute_of_row, side="right") - 1
    # Describe times by the clock, with the day if there are several days
    time_format = "%d %B, %H:%M"
    if len(np.unique(edges // (24 * 60))) == 1:
        time_format = "%H:%M"
    clock = [f"{convert_microseconds(int(edge) * MINUTE):{time_format}}" for edge in (*edges, minutes[-1] + 1)]
    return Key(TIME, codes, len(edges), describe=partial(_describe_stretch, clock), is_ordered=True)


def _create_value_keys(name: str, values: Sequence[str | None]) -> Iterator[Key]:
    """Yield a key by the value of a record's or file's property; none if all values are equal, or if most are different."""
    texts, codes = np.unique(np.array([NO_VALUE if value is None else value for value in values]), return_inverse=True)
    if 1 < len(texts) <= min(MAX_TEXTS, len(values) / MIN_PART_ROWS):
        yield Key(name, codes, len(texts), labels=tuple(map(str, texts)), may_be_several=True)


def _get_writer_folder(file: str) -> str:
    """The folder of a file without folders for times; this identifies the writer of the file."""
    return "/".join(name for name in file.split("/")[:-1] if not name.rpartition("=")[2].isdigit())


def _read_times(sample: RowSample) -> Codes | None:
    """The time of each row in microseconds; None if some row has no time."""
    texts = [metadata.get(TIME) for metadata in sample.said]
    if not texts or None in texts:
        return None
    microseconds = parse_microseconds(pa.array(texts, pa.string()))
    if microseconds.null_count:
        return None
    return np.asarray(microseconds)


def _describe_files(files: int, starts: Sequence[int] | None, chosen: Sequence[int]) -> str:
    sentence = f"from {len(chosen):,} of {files:,} files"
    if starts is None:
        return sentence
    return f"{sentence}, the first at {convert_microseconds(min(starts[part] for part in chosen)):%H:%M}"


def _describe_stretch(edges: Sequence[str], chosen: Sequence[int]) -> str:
    """A stretch of neighbouring parts in words. edges: the start of each part, and the end of the last one."""
    first = edges[chosen[0]]
    last = edges[chosen[-1] + 1]
    if chosen[-1] == len(edges) - 2:
        return f"from {first} on"
    if not chosen[0]:
        return f"before {last}"
    return f"between {first} and {last}"


# Description of causes


def select_clear_causes(
    change: BinnedChange, keys: Sequence[Key], num_tests: int, level: float
) -> list[tuple[Key, Culprit]]:
    """The keys with parts that stand out from noise, and these parts."""
    causes: list[tuple[Key, Culprit]] = []
    for key in keys:
        culprit = change.search(key, num_tests)
        if culprit is None:
            continue
        min_excess = MIN_EXCESS_SHARE_OF_STRETCH if key.is_ordered else MIN_EXCESS_SHARE
        if culprit.share >= MIN_SHARE_OF_CHANGE and culprit.excess_share >= min_excess and culprit.p <= level:
            causes.append((key, culprit))
    return causes


class CauseMembers(TypedDict, total=False):
    """The members of an entry in checks.json that give the location of a change."""

    cause: tuple[Cause, ...] | None
    where: str | None
    segment: str | None
    guess: str


def create_cause_members(
    segments: Sequence[tuple[Key, Culprit]], origins: Sequence[tuple[Key, Culprit]]
) -> CauseMembers:
    """The causes as members of checks.json; empty without causes."""
    if not segments and not origins:
        return {}
    largest = max(culprit.share for _, culprit in (*segments, *origins))
    segments = [(key, culprit) for key, culprit in segments if culprit.share >= largest - CLEARLY_SMALLER_SHARE]
    origins = [(key, culprit) for key, culprit in origins if culprit.share >= largest - CLEARLY_SMALLER_SHARE]
    cause = tuple(_describe_cause(key, culprit) for key, culprit in sorted(origins, key=_rank_origin)) or None
    clearest = _select_clearest(segments)
    if clearest is None:
        return {"cause": cause, "where": None, "segment": None}
    # The segment's name is a value of the data, so it has a member of its own that can be left out
    key, culprit = clearest
    how_much = "only" if culprit.share >= MIN_SHARE_ALONE else "most of it"
    amount = f"{format_percent(culprit.share)} of the change in {format_percent(culprit.rows)} of the rows"
    location = f"{how_much} in {ONE_SEGMENT}{key.name}: {amount}"
    return {"cause": cause, "where": location, "segment": key.label(culprit)}


def _rank_origin(origin: tuple[Key, Culprit]) -> float:
    """A sort key, the clearest origin first. At equal clarity, ordered keys come last and values of records come first."""
    key, culprit = origin
    return -culprit.excess_share - ORDERED_PENALTY * key.is_ordered - 2 * ORDERED_PENALTY * bool(key.labels)


def _select_clearest(segments: Sequence[tuple[Key, Culprit]]) -> tuple[Key, Culprit] | None:
    """The single value that stands out most; or the pair that stands out most, if it has the change in clearly fewer rows."""
    single_values = [(key, culprit) for key, culprit in segments if AND not in key.labels[0]]
    pairs = [(key, culprit) for key, culprit in segments if AND in key.labels[0]]
    value = max(single_values, key=rank_segment, default=None)
    pair = max(pairs, key=rank_segment, default=None)
    if value is None or pair is None:
        return value or pair
    # The pair's shares of the value's change and of the value's rows
    pair_culprit = pair[1]
    value_culprit = value[1]
    part_of_change = pair_culprit.share / value_culprit.share
    part_of_rows = pair_culprit.rows / value_culprit.rows
    if part_of_rows <= MAX_ROWS_OF_PAIR and part_of_change >= (1 + part_of_rows) / 2:
        return pair
    return value


def rank_segment(segment: tuple[Key, Culprit]) -> float:
    """The segment's share of the change minus its share of the rows; ranges rank lower than values that are as clear."""
    key, culprit = segment
    return culprit.excess_share - ORDERED_PENALTY * key.have_ranges


def _describe_cause(key: Key, culprit: Culprit) -> Cause:
    # The origin of the rows
    if key.describe:
        origin = key.describe(culprit.parts)
    elif len(culprit.parts) > 1:
        origin = f"from {len(culprit.parts):,} values of {key.name}"
    else:
        origin = f"from {ONE_VALUE} of {key.name}"
    # Their share of the change; and the value that they have in common, which the words don't contain
    amount = "all"
    if culprit.share < NEARLY_ALL:
        amount = format_percent(culprit.share)
    value = None
    if key.labels and len(culprit.parts) == 1:
        value = key.label(culprit)
    sentence = f"{amount} of it comes {origin}"
    return Cause(key=key.name, words=sentence, value=value, share=culprit.share, rows=culprit.rows, p=culprit.p)


# Changes of outcomes: whether predictions were wrong, or how often they were positive


@value_class
class MarkedRows:
    """Rows that can be read again. outcomes: columns that are outcomes; rows aren't divided by them."""

    dataset: Dataset
    mark: RowBinner
    rows: int
    outcomes: frozenset[str] = frozenset()


def add_causes(
    results: Results,
    openers: Mapping[Hashable, Callable[[ExitStack], tuple[MarkedRows, MarkedRows]]],
    list_subjects: Callable[[CheckResult], Iterable[Hashable]],
    level: float,
    *,
    hide_values: bool,
) -> Results:
    """The results; violations get the segment and the origin of their change, if there is one.

    openers: by subject of a change, a function that opens the rows of window and baseline. The window is read in one pass,
        the baseline in two. list_subjects: the possible subjects of a result; the first one with a cause is taken.
    """
    members_by_subject: dict[Hashable, CauseMembers] = {}
    for subject, open_rows in openers.items():
        try:
            with ExitStack() as resources:
                members_by_subject[subject] = _find_causes(*open_rows(resources), level / len(openers))
        except NoData as fault:  # the rows no longer exist
            log.info("the origin of a loss is unknown: %s", fault)
        except (MonitorError, OSError, ValueError, pa.ArrowException) as fault:
            log.warning("the origin of a loss is unknown: the rows can't be read again: %s", describe_fault(fault))

    def add_cause(result: CheckResult) -> CheckResult:
        candidates = (members_by_subject.get(subject) for subject in list_subjects(result))
        members: CauseMembers = next(filter(None, candidates), CauseMembers())
        if not result.is_violated or not members:
            return result
        return locate_change(result, members, hide_values=hide_values)

    return tuple(map(add_cause, results))


def describe_fault(fault: Exception) -> str:
    """Why rows can't be read again. Texts of other libraries may show values, so they are left out."""
    if isinstance(fault, MonitorError):
        return str(fault)
    return f"{type(fault).__name__}; see whether the files are as they were, else make the baseline anew"


def locate_change(check_result: CheckResult, members: CauseMembers, *, hide_values: bool) -> CheckResult:
    """The result with the segment and the origin of its change. A result about one segment keeps this segment."""
    if check_result.where:
        members = {**members, "segment": check_result.segment, "where": check_result.where}
    located = check_result.model_copy(update=members)
    return remove_values(located) if hide_values else located


def _find_causes(now: MarkedRows, before: MarkedRows, level: float) -> CauseMembers:
    """The rows behind a change of marks, as members of checks.json; empty if one side has no marked rows."""
    # Possible keys are learnt from some rows of the baseline
    baseline_rows = read_sampled_rows(before.dataset, before.rows, LEARNING_ROWS)
    candidates = list(itertools.islice(_list_candidates(baseline_rows, now, before), MAX_CANDIDATES))
    sample = _sample_marked_rows(now, candidates)
    baseline_sample = _sample_marked_rows(before, candidates)
    if not len(sample.bins) or not len(baseline_sample.bins):
        return {}
    # The first column of bins has the marks, the others belong to the candidates
    num_bins = now.mark.bins
    marks_before = baseline_sample.bins[:, 0]
    shares_before = compute_shares(marks_before, num_bins)
    change = BinnedChange(sample.bins[:, 0], shares_before, create_ordered_tests(num_bins), marks_before)
    # All keys are searched, so the level is divided among all of them
    origins = list(create_origin_keys(sample, len(marks_before)))
    columns = list(create_column_keys(candidates, sample.bins[:, 1:], baseline_sample.bins[:, 1:]))
    num_tests = len(columns) + len(origins)
    segments = select_clear_causes(change, columns, num_tests, level)
    return create_cause_members(segments, select_clear_causes(change, origins, num_tests, level))


def _list_candidates(rows: pa.Table, now: MarkedRows, before: MarkedRows) -> Iterator[Candidate]:
    """Yield the columns of both sides by which rows may be divided: by value if there are few, numbers by quartile. rows:
    the baseline's.
    """
    for position, name in enumerate(before.dataset.names):
        cells = rows.column(position).combine_chunks().drop_null()
        if name in before.outcomes or name not in now.dataset.names or not len(cells):
            continue
        numbers = parse_numbers(cells)
        values = cells.unique().to_pylist()
        if not np.isnan(numbers).any() and len(values) > MAX_CODES:
            # No value is below a cut at the minimum
            cuts = set(np.quantile(numbers, QUARTILES).tolist()) - {float(numbers.min())}
            if cuts:
                yield Candidate.from_cuts(name, position, sorted(cuts))
        elif 1 < len(values) <= MAX_VALUES:
            yield Candidate.from_values(name, position, values)


def _sample_marked_rows(marked: MarkedRows, candidates: Sequence[Candidate]) -> RowSample:
    """The sampled rows that have a mark."""
    names = marked.dataset.names
    binned = [replace(candidate.binned, position=names.index(candidate.name)) for candidate in candidates]
    sample = draw_row_sample(marked.dataset, [marked.mark, *binned], marked.rows)
    # Rows may have neither files nor metadata
    is_marked = sample.bins[:, 0] != MISSING
    files = tuple(itertools.compress(sample.files, is_marked))
    metadata = tuple(itertools.compress(sample.said, is_marked))
    return RowSample(sample.bins[is_marked], sample.rows, files, metadata)
