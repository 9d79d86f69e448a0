"""The recipe for conda-forge and the compose file say what setup.cfg, the image and the command do."""

import argparse
from configparser import ConfigParser
from pathlib import Path

import jinja2
import yaml

import spark_model_monitor
from spark_model_monitor.cli.verbs import VERBS, FlagAdder

ROOT = Path(__file__).resolve().parents[2]


def test_the_recipe_needs_what_the_wheel_needs():
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    text = (ROOT / "requirements" / "conda" / "meta.yaml").read_text(encoding="utf-8")

    recipe = yaml.safe_load(jinja2.Template(text).render(PYTHON="python"))

    assert recipe["package"] == {"name": setup["metadata"]["name"], "version": spark_model_monitor.__version__}
    options = setup["options"]
    needed = {*options["install_requires"].split(), f"python{options['python_requires']}"}
    assert {line.replace(" ", "") for line in recipe["requirements"]["run"]} == needed
    [command] = setup["options.entry_points"]["console_scripts"].strip().splitlines()
    assert recipe["build"]["entry_points"] == [command]
    assert recipe["about"]["summary"] == spark_model_monitor.__title__


def test_the_compose_file_builds_a_stage_of_the_image_and_calls_a_command_that_there_is():
    [service] = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8"))["services"].values()
    stages = (ROOT / service["build"]["dockerfile"]).read_text(encoding="utf-8").splitlines()

    assert any(line.endswith(f" AS {service['build']['target']}") for line in stages)
    assert service["entrypoint"] == ["spark-model-monitor"]
    verb, *words = service["command"]
    parser = argparse.ArgumentParser()
    VERBS.get(verb).facts["flags"](FlagAdder(parser))
    flags = parser.parse_args(words)
    assert flags.schedule == ["/etc/schedules/churn.schedule.json"]
    assert flags.state == "/data/state"
    mounted = [volume.removesuffix(":ro").rpartition(":")[2] for volume in service["volumes"]]
    assert [word.startswith(tuple(mounted)) for word in service["command"] if word.startswith("/")] == [True, True]
