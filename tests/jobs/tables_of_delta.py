"""A process of Spark that has tables of Delta and Iceberg: it makes some, runs jobs over them, and prints what became of each.

    python tables_of_delta.py FOLDER JAR,JAR,…

It prints one object: by the name of a case its status, the rows of the data set, the ledger's table, and what the job said.
"""

import json
import logging
import sys
from datetime import datetime, timezone
from io import StringIO
from pathlib import Path

from pyspark.sql import SparkSession

from jobs import baseline, monitor
from spark_model_monitor.spark import list_catalog_tables

HOUR = "TIMESTAMP'2026-01-01 00:00:00Z' + make_interval(0, 0, 0, 0, id div 10)"
"""Ten rows an hour."""


def session(folder, jars):
    extensions = ["io.delta.sql.DeltaSparkSessionExtension"]
    builder = SparkSession.builder.master("local[2]")
    if any("iceberg" in jar for jar in jars):
        extensions.append("org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions")
        builder = builder.config("spark.sql.catalog.ice", "org.apache.iceberg.spark.SparkCatalog")
        builder = builder.config("spark.sql.catalog.ice.type", "hadoop")
        builder = builder.config("spark.sql.catalog.ice.warehouse", f"{folder}/ice")
    settings = {
        "spark.jars": ",".join(jars),
        "spark.sql.extensions": ",".join(extensions),
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.warehouse.dir": f"{folder}/warehouse",
        "spark.sql.shuffle.partitions": "1",
        "spark.databricks.delta.snapshotPartitions": "1",
        "spark.sql.session.timeZone": "UTC",
        "spark.ui.enabled": "false",
        "spark.sql.codegen.wholeStage": "false",
    }
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def appended(spark, name, ids):
    spark.range(ids.start, ids.stop, 1, 1).selectExpr("id", f"{HOUR} AS at").createOrReplaceTempView("new")
    spark.sql(f"INSERT INTO {name} SELECT * FROM new")


class Cases:
    def __init__(self, folder):
        self.folder = folder
        self.found = {}
        self.log = logging.StreamHandler(StringIO())
        logging.getLogger().addHandler(self.log)

    def __call__(self, case, job, *flags):
        self.log.setStream(StringIO())
        output = self.folder / f"out-{case}"
        status = job.main([*map(str, flags), "--output-path", str(output), "--no-report"])
        files = {name: output / f"{name}.json" for name in ("statistics", "ledger")}
        wrote = {name: json.loads(file.read_text()) for name, file in files.items() if file.is_file()}
        self.found[case] = {
            "status": status,
            "rows": wrote["statistics"]["dataset"]["item_count"] if wrote else None,
            "table": wrote["ledger"].get("table") if wrote else None,
            "said": self.log.stream.getvalue(),
        }


def main(folder, jars):
    spark = session(folder, jars)
    spark.sparkContext.setLogLevel("OFF")
    path = folder / "events"
    events = f"delta.`{path}`"
    recorded = "TBLPROPERTIES (delta.enableChangeDataFeed = true)"
    spark.sql(f"CREATE TABLE {events} (id BIGINT, at TIMESTAMP) USING delta {recorded}")  # version 0
    appended(spark, events, range(30))  # 1
    appended(spark, events, range(30, 50))  # 2
    between = datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")
    appended(spark, events, range(50, 60))  # 3
    spark.sql(f"DELETE FROM {events} WHERE id = 0")  # 4
    spark.sql(f"OPTIMIZE {events}")  # 5: other files, same rows
    spark.sql("CREATE TABLE silent USING delta AS SELECT 1L AS id")
    run = Cases(folder)
    at_path = ("--dataset-source", path, "--dataset-format", "delta")
    run("newest", baseline, *at_path)
    run("recognised", baseline, "--dataset-source", path)
    run("as of 2", baseline, *at_path, "--as-of", 2)
    run("as of a time", baseline, "--dataset-format", f"table:{events}", "--as-of", between)
    run("since 1", baseline, *at_path, "--since", 1)
    run("since a time", baseline, *at_path, "--since", between, "--as-of", 4)
    window = ("--time-column", "at", "--start-time", "2026-01-01T01:00:00Z", "--end-time", "2026-01-01T03:00:00Z")
    run("window", monitor, *at_path, *window, "--baseline", folder / "out-newest")
    run("nothing new", baseline, *at_path, "--since", 5)
    run("no such version", baseline, *at_path, "--as-of", 9)
    run("wrong order", baseline, *at_path, "--as-of", 1, "--since", 2)
    spark.sql("DELETE FROM silent")
    run("not recorded", baseline, "--dataset-format", "table:silent", "--since", 0)
    without_table = folder / "without-table"
    without_table.mkdir()
    run("no table", baseline, "--dataset-source", without_table, "--dataset-format", "delta")
    spark.range(3).write.saveAsTable("plain")
    spark.sql("CREATE VIEW seen AS SELECT * FROM plain")
    run("no versions", baseline, "--dataset-format", "table:seen", "--as-of", 1)
    run("plain", baseline, "--dataset-format", "table:plain")
    catalogs = ["default.*"]
    if any("iceberg" in jar for jar in jars):
        catalogs.append("ice.db.*")
        spark.sql("CREATE TABLE ice.db.events (id BIGINT, at TIMESTAMP) USING iceberg")
        for ids in (range(30), range(30, 50), range(50, 60)):
            appended(spark, "ice.db.events", ids)
        history = spark.sql("SELECT snapshot_id FROM ice.db.events.history ORDER BY made_current_at")
        snapshots = [row[0] for row in history.collect()]
        iceberg = ("--dataset-format", "table:ice.db.events")
        run("iceberg as of", baseline, *iceberg, "--as-of", snapshots[1])
        run("iceberg since", baseline, *iceberg, "--since", snapshots[0])
        run.found["snapshots"] = snapshots
    run.found["catalog"] = {
        name: str(table) for catalog in catalogs for name, table in list_catalog_tables(spark, catalog)
    }
    print(json.dumps(run.found))
    spark.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2].split(","))
