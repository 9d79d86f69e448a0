"""States that a profile doesn't have: their modules are imported when one is made or read, and not before."""

from tests.programs import printed_by


def test_only_what_a_profile_has_is_imported_with_the_package():
    program = """
        from spark_model_monitor.statistics import states
        from spark_model_monitor.statistics.states.encoding import LAZY_MODULES, STATES
        print(sorted(STATES.keys() & LAZY_MODULES.keys()))
    """

    assert printed_by(program) == "[]\n"


def test_a_state_of_every_kind_is_read_by_a_program_that_imported_none():
    program = """
        from spark_model_monitor.statistics import states
        from spark_model_monitor.statistics.states.encoding import LAZY_MODULES, decode, list_kinds, pack, find_state_type
        print([kind for kind in list_kinds() if find_state_type(kind) is None or find_state_type(kind).KIND != kind])
        modules = {kind: f"spark_model_monitor.statistics.states.{LAZY_MODULES[kind]}" for kind in LAZY_MODULES}
        print([kind for kind in LAZY_MODULES if find_state_type(kind).__module__ != modules[kind]])
        print(decode(pack("confusion", 1, {"limit": 5}, bytes(24))).total)
    """

    assert printed_by(program) == "[]\n[]\n0\n"


def test_every_kind_of_every_module_is_found():
    program = """
        from spark_model_monitor.registry import import_all
        from spark_model_monitor.statistics import states
        from spark_model_monitor.statistics.states.encoding import STATES, list_kinds
        listed = list_kinds()
        import_all(states)
        print(sorted(set(STATES) - set(listed)), "stand in no module that the package imports, nor in LAZY_MODULES")
    """

    assert printed_by(program).startswith("[] ")
