"""Which engine the SDK's monitors start their jobs on."""

import pytest

from spark_model_monitor.sagemaker import DatasetFormat, DefaultModelMonitor


@pytest.mark.long
def test_a_small_file_of_this_machine_is_baselined_without_a_jvm(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MODEL_MONITOR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "no java"))
    data = tmp_path / "orders.csv"
    data.write_text("items,country\n1,DE\n2,FR\n3,DE\n")

    monitor = DefaultModelMonitor()
    monitor.suggest_baseline(str(data), DatasetFormat.csv(header=True), output_s3_uri=str(tmp_path / "baseline"))

    assert monitor.baseline_statistics().body_dict["dataset"]["item_count"] == 3
    assert "engine: local" in capsys.readouterr().out
