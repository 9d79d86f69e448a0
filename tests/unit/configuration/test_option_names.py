"""The names of the options without what declares them."""

from tests.programs import printed_by

from spark_model_monitor.running.configuration.command_line import option_names
from spark_model_monitor.running.configuration.contract import OPTIONS


def test_they_are_those_of_the_contract():
    opposites = {option.opposite for option in OPTIONS.values() if option.opposite}

    assert sorted(option_names()) == sorted({*OPTIONS, *opposites})


def test_reading_them_loads_no_library():
    program = """
        import sys
        from spark_model_monitor.running.configuration.command_line import option_names
        print("sample" in option_names(), sorted({"pyarrow", "numpy", "pydantic"} & set(sys.modules)))
    """

    assert printed_by(program) == "True []\n"
