"""What is remembered between runs that wait for late labels: the ids of an hour's captures, and which labels they have.

`<output>/pending/<branch>/yyyy-mm-ddThh.jsonl` has a line for each capture, `{"id": "7"}` for one that still waits,
`{"id": "8", "label": 4711}` with the hash of its label for one that has it. New labels are held against these ids, and so a
run reads only the hours again that have news. An hour is forgotten when the period of late labels is over.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame, SparkSession

from model_monitor.engine.text_lines import without_globs
from model_monitor.merging.absent import AbsentLabel
from model_monitor.merging.captured import KEY
from model_monitor.merging.hours import HourFolder
from model_monitor.merging.labels import CANDIDATES, LABEL, Labels
from model_monitor.merging.small_tables import small_table
from model_monitor.merging.sources import HOUR, uri_of
from model_monitor.merging.staging import ID_SCHEMA
from model_monitor.records.places import FILE
from model_monitor.storage import join, storage_of

PENDING = "pending"


class Pending:
    """The remembered hours of a merge's output."""

    def __init__(self, spark: SparkSession, output_path: str) -> None:
        self._spark = spark
        self._storage = storage_of(output_path, spark)
        self.folder = join(output_path, PENDING)
        self._paths = self._listed()

    @property
    def hours(self) -> Collection[HourFolder]:
        """The remembered hours."""
        return self._paths.keys()

    def ids(self, hours: Collection[HourFolder]) -> DataFrame:
        """What is remembered of some hours: `staging.ID_SCHEMA` with `branch`, a text, and `hour`."""
        rows = [(uri_of(self._paths[hour]), hour.branch, hour.hour) for hour in hours]
        table = small_table(self._spark, rows, f"{FILE}: string, branch: string, hour: bigint")
        if not rows:
            return table.drop(FILE).select(
                *[F.lit(None).cast(kind).alias(name) for name, kind in map(str.split, ID_SCHEMA.split(", "))], "*"
            )
        lines = self._spark.read.text([without_globs(self._paths[hour]) for hour in hours])
        parsed = lines.select(
            F.inline(F.array(F.from_json("value", ID_SCHEMA))), F.col("_metadata.file_path").alias(FILE)
        )
        return parsed.join(F.broadcast(table), FILE).drop(FILE)

    def with_news(
        self, hours: Collection[HourFolder], labels: Labels, since: int, absent: AbsentLabel | None
    ) -> set[HourFolder]:
        """Those of the hours whose captures have other labels by now. One scan of the ids.

        since: labels of earlier hours were known before. absent: what captures are labelled with that have waited enough.
        """
        if not hours:
            return set()
        new = F.filter(CANDIDATES, lambda label: label.getField(HOUR).isNull() | (label.getField(HOUR) >= since))
        values = labels.by_id.select(
            F.col(KEY).alias("id"), F.transform(new, lambda label: label.getField(LABEL)).alias("new")
        )
        known = self.ids(hours).join(values, "id", "left")
        differs = F.exists("new", lambda label: F.col("label").isNull() | (label != F.col("label")))
        is_due = F.lit(False) if absent is None else _waits() & absent.is_due(F.col("hour"))
        found = known.where(F.coalesce(differs, F.lit(False)) | is_due).select("branch", "hour").distinct()
        return {HourFolder(row["branch"], row["hour"]) for row in found.collect()}  # as many as hours at most

    def counts(self, hours: Collection[HourFolder]) -> dict[HourFolder, int]:
        """How many captures each of the hours had. One scan of the ids."""
        if not hours:
            return {}
        counted = self.ids(hours).groupBy("branch", "hour").count()
        return {HourFolder(row["branch"], row["hour"]): row["count"] for row in counted.collect()}

    def remember(self, ids: Mapping[HourFolder, list[str]]) -> None:
        """Take the files as the ids of these hours.

        Raises OutputFailed if they can't be written.
        """
        for hour, files in ids.items():
            self._storage.assemble(files, join(self.folder, hour.state))

    def forget(self, hours: Collection[HourFolder]) -> None:
        """Drop these hours: no label of theirs is waited for any more."""
        for hour in hours:
            self._storage.delete(join(self.folder, hour.state))

    def _listed(self) -> dict[HourFolder, str]:
        if not self._storage.exists(self.folder):
            return {}
        top = self._storage.resolved(self.folder)
        paths = [file.path for file in self._storage.list_files(self.folder)]
        return {HourFolder.of_state(path.removeprefix(top).lstrip("/")): path for path in paths}


def _waits() -> Column:
    return F.col("label").isNull() & F.col("absent").isNull()
