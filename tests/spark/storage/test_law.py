"""Hadoop's storage passes the law of storages; Hadoop's own local file system stands in for the others here."""

from tests.spark_lines import on_a_jvm
from tests.storage_law import EVERY_CLAUSE

from spark_model_monitor.spark.storage import HadoopStorage

pytestmark = on_a_jvm("Hadoop's file systems are in the server's JVM")


@EVERY_CLAUSE
def test_hadoops_storage_passes(clause, spark, tmp_path):
    clause(HadoopStorage.for_path(str(tmp_path), spark), str(tmp_path / "law"))
