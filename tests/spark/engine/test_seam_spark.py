"""An engine that keeps to the seam gives Spark's states, byte for byte."""

import pytest
from tests.engine_in_process import InProcess

from spark_model_monitor.data.engine.engine_protocol import LINE_KEY
from spark_model_monitor.data.reading.format_readers import read_dataset
from spark_model_monitor.data.reading.formats import CsvFormat
from spark_model_monitor.data.reading.listing import list_dataset
from spark_model_monitor.data.records.locations import BLOCK_START, FILE, FILE_KEY, LINE
from spark_model_monitor.monitors.data_quality.feature_scan import scan_data_set
from spark_model_monitor.spark.engine.spark import SparkEngine
from spark_model_monitor.statistics.states.profile import Measures

PIECE_BYTES = 40_000


@pytest.fixture
def pieces(spark):
    """Files are cut into pieces of PIECE_BYTES."""
    name = "spark.sql.files.maxPartitionBytes"
    before = spark.conf.get(name)
    spark.conf.set(name, str(PIECE_BYTES))
    yield
    spark.conf.set(name, before)


@pytest.fixture
def files(tmp_path):
    """Enough numbers for sketches that depend on how the rows are cut."""
    rows = [f'{number},{number * 7919 % 10_007 / 7},"né, {number % 9}"\r\n' for number in range(6_000)]
    (tmp_path / "data.csv").write_text("age,share,note\r\n" + "".join(rows) + '1,2\r\n\r\na"b,2,3', newline="")
    return tmp_path


@pytest.mark.usefixtures("pieces")
@pytest.mark.parametrize("partition_bytes", [None, PIECE_BYTES], ids=["added by tasks", "added by the caller"])
def test_states_have_the_same_bytes(spark, files, partition_bytes):
    profiles = []
    for engine in (SparkEngine(spark), InProcess(PIECE_BYTES)):
        listing = list_dataset(engine, str(files))
        dataset = read_dataset(engine, listing, CsvFormat(header=True), partition_bytes=partition_bytes)
        scan_findings = scan_data_set(Measures(), dataset, None)
        profiles.append((scan_findings.state.to_bytes(), scan_findings.rows, dataset.ledger(scan_findings.rows).read))

    assert profiles[0] == profiles[1]
    assert profiles[0][1].kept == 6_000


@pytest.mark.usefixtures("pieces")
@pytest.mark.parametrize("in_order", [False, True])
def test_lines_are_cut_and_known_alike(spark, tmp_path, in_order):
    """A line of 10 bytes begins where a piece begins: it belongs to the one before, as Hadoop has it."""
    (tmp_path / "data.txt").write_text("".join(f"{number:09}\n" for number in range(10_000)))
    columns = (LINE, FILE, BLOCK_START, FILE_KEY, LINE_KEY)
    of_spark, in_process = (
        sorted(
            tuple(row.values())
            for batch in engine.lines([str(tmp_path)], in_order=in_order)
            .partitions(*columns)
            .add_partition_number()
            .batches()
            for row in batch.to_pylist()
        )
        for engine in (SparkEngine(spark), InProcess(PIECE_BYTES))
    )

    assert of_spark == in_process
    assert len(of_spark) == 10_000
    assert {row[0] for row in of_spark} == ({0} if in_order else {0, 1, 2})
