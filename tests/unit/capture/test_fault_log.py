import logging

from spark_model_monitor.capture.account import ErrorLog

from .capturing import HandClock


def test_an_outage_is_a_line_a_minute_for_each_kind_of_fault(caplog):
    hand = HandClock()
    faults = ErrorLog(logging.getLogger("capturing"), lambda: hand.seconds)
    for _ in range(180):
        faults.warn("can't write to %s", "/data")
        hand.seconds += 1
    faults.warn("dropped")

    assert [record.getMessage() for record in caplog.records] == [
        "can't write to /data",
        "can't write to /data (59 more since the last such line)",
        "can't write to /data (59 more since the last such line)",
        "dropped",
    ]
