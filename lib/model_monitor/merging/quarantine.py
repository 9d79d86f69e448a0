"""The refused records of a merge, of both sides, in one quarantine."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import pyarrow as pa
import pyspark.sql.functions as F
from pyspark.sql import DataFrame

from model_monitor.data.reading.dataset import Dataset
from model_monitor.data.reading.lines import LongLine
from model_monitor.data.reading.listing import Listing
from model_monitor.data.reading.quarantine import NUMBER, write_quarantine
from model_monitor.data.records.locations import BLOCK_START, FILE, LINE
from model_monitor.data.records.refusals import REASON
from model_monitor.merging.captured import REFUSED, Captures
from model_monitor.merging.labels import CONTENT, POSITION, GroundTruth
from model_monitor.merging.labels import REFUSED as REFUSED_LABELS
from model_monitor.merging.sources import HourlySource
from model_monitor.merging.staging import Side, mapped
from model_monitor.reading.refused_frames import refused_texts


def put_aside(
    captures: HourlySource,
    labels: HourlySource,
    sides: Sequence[Side],
    output_path: str,
    long_lines: Sequence[LongLine] = (),
) -> str:
    """Put the refused captures and labels below `output_path`, and give their folder. Reads both sides once more.

    Raises OutputFailed if they can't be written.
    """
    lines = [_refused(side, side.task, REFUSED) for side in sides if isinstance(side.task, Captures)]
    records = [_refused(side, side.task, REFUSED_LABELS) for side in sides if isinstance(side.task, GroundTruth)]
    lines += [found.where(F.col(CONTENT).isNull()).select(REASON, FILE, LINE) for found in records]
    folders = (*captures.places, *labels.places)
    listing = Listing(captures.path, (), folders)
    dataset = Dataset(
        reduce(DataFrame.unionAll, lines), (), listing, refusable=True, long_lines=tuple(sorted(long_lines))
    )
    if not records:  # there is no ground truth yet
        return write_quarantine(dataset, output_path)
    elements = reduce(DataFrame.unionAll, [found.where(F.col(CONTENT).isNotNull()) for found in records])
    texts = elements.select(
        REASON, FILE, F.lit(0).alias(BLOCK_START), F.col(CONTENT).alias(LINE), (F.col(POSITION) + 1).alias(NUMBER)
    )
    return write_quarantine(dataset, output_path, refused_texts(texts))


def _refused(side: Side, task: Captures | GroundTruth, schema: pa.Schema) -> DataFrame:
    """The refused records of one side."""
    refused = mapped(side.lines, task.refused, task.inputs, schema)
    return refused.withColumn(LINE, F.col(LINE).cast("string"))
