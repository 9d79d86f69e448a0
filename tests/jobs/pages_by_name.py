"""A process of Spark whose session refuses paths: it makes tables of Delta, and runs what pages say, command by command.

python pages_by_name.py FOLDER JAR,JAR,… PAGE…
"""

import os
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from tests.jobs.tables_of_delta import session
from tests.page_blocks import PageRun, read_blocks
from tests.refusing import reject_paths
from tests.request_log_samples import LOGS

from spark_model_monitor import cli

NEEDS = ("", "a catalog")


class PageInSession(PageRun):
    """Commands run in the process of the session, as in a notebook."""

    def run_command(self, words):
        printed = StringIO()
        with redirect_stdout(printed):
            try:
                status = cli.main(words)
            except SystemExit as ended:
                status = int(ended.code or 0)
        self.printed += printed.getvalue()
        print(words[0], status)
        return status


def make_tables(spark, folder):
    """Orders of ten commits, then one that only deletes rows, and the requests of a server."""
    spark.sql("CREATE DATABASE sales")
    spark.sql("CREATE TABLE sales.orders (amount DOUBLE, items INT) USING delta")
    for seed in range(10):
        columns = f"round(exp(3 + 0.6 * randn({seed})), 2) AS amount", f"1 + int(6 * rand({seed})) AS items"
        spark.range(0, 200, 1, 1).selectExpr(*columns).createOrReplaceTempView("new")
        spark.sql("INSERT INTO sales.orders SELECT * FROM new")
    spark.sql("DELETE FROM sales.orders WHERE items = 5 AND amount > 30")
    log = next(log for log in LOGS if log.name == "databricks-source")
    payload = spark.read.parquet(str(log.write(folder)))
    payload.write.format("delta").saveAsTable("sales.payload")


def main(folder, jars, pages):
    spark = session(folder / "spark", jars)
    spark.sparkContext.setLogLevel("OFF")
    make_tables(spark, folder / "spark")
    os.chdir(folder)
    reject_paths(pytest.MonkeyPatch(), spark)
    for page in pages:
        run = PageInSession()
        for block in read_blocks(page):
            if block.need in NEEDS:
                run.run_block(block)
        print(run.printed)
    spark.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2].split(","), [Path(page) for page in sys.argv[3:]])
