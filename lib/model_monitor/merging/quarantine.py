"""The refused records of a merge, of both sides, in one quarantine."""

from __future__ import annotations

import pyspark.sql.functions as F
from pyspark.sql import DataFrame

from model_monitor.merging.labels import CONTENT, POSITION, Labels
from model_monitor.merging.sources import RANK, HourlySource
from model_monitor.reading.dataset import Dataset
from model_monitor.reading.listing import Listing
from model_monitor.reading.quarantine import NUMBER, clear_quarantine, refused_texts, write_quarantine
from model_monitor.records.places import BLOCK_START, FILE, LINE
from model_monitor.records.refusals import REASON


def put_aside(
    records: DataFrame,
    captures: HourlySource,
    labels: Labels,
    label_source: HourlySource,
    output_path: str,
    *,
    any_refused: bool,
) -> str | None:
    """Put the refused captures and labels below `output_path`, and give their folder; None if there are none.

    records: the captures. Reads both sides once more if any record was refused.
    Raises OutputFailed if they can't be written.
    """
    if not any_refused:
        clear_quarantine(records.sparkSession, output_path)
        return None
    refused = _told(records, captures).unionByName(_told(labels.refused.where(F.col(CONTENT).isNull()), label_source))
    folders = (*captures.places, *label_source.places)
    dataset = Dataset(refused, (), Listing(captures.path, (), folders), refusable=True)
    elements = label_source.with_files(labels.refused.where(F.col(CONTENT).isNotNull())).select(
        REASON, FILE, BLOCK_START, F.col(CONTENT).alias(LINE), (F.col(POSITION) + 1).alias(NUMBER)
    )
    return write_quarantine(dataset, output_path, refused_texts(elements))


def _told(records: DataFrame, source: HourlySource) -> DataFrame:
    return source.with_files(records.select(REASON, RANK, LINE)).select(REASON, FILE, LINE)
