"""The files of a data set are listed before anything is read."""

import pytest

from spark_model_monitor.data.reading.listing import list_dataset
from spark_model_monitor.errors import BadInput, NoData
from spark_model_monitor.spark.engine.spark import SparkEngine


def test_nothing_to_read_is_said_as_the_service_says_it(spark, tmp_path):
    with pytest.raises(BadInput, match="nowhere: there is no such file or directory"):
        list_dataset(SparkEngine(spark), str(tmp_path / "nowhere"))
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(NoData, match="Job inputs had no data: .* has no file that is neither hidden nor empty"):
        list_dataset(SparkEngine(spark), str(tmp_path))
