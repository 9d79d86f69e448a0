"""The steps of docker/Dockerfile without a builder: each COPY, RUN and ENV in a scratch folder, then the entry point.

Left out is what changes the machine itself (packages of Debian, users), and the archive of Spark's classes, which takes half a
minute and is tried elsewhere. The libraries are those of `.venv`; Deequ's JAR is the one at hand, or fetched as in an image.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from tests.programs import run_on_one_stream

from spark_model_monitor.spark.launch.deequ_jar import jar_path

pytestmark = pytest.mark.nightly

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "docker" / "Dockerfile"
LEFT_OUT = re.compile(
    r"apt-get |rm -rf /var/lib/apt/|useradd |mkdir -p /usr/share/"
    r"|\S+/python -m spark_model_monitor\.spark\.launch\.class_archive$"
    r"|\S+/pip uninstall "  # the stages have one root here, and the later one installs, too
)
LIBRARIES = Path("lib") / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"


def steps():
    """Each instruction of the file with its arguments."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [line.split(maxsplit=1) for line in lines if line.strip()]


class Image:
    """What the steps make, below a folder that stands for the image's root; every stage writes there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.workdir = root
        hidden = ("PYTHONPATH", "VIRTUAL_ENV", "SPARK_HOME", "CI")
        self.environment = {name: text for name, text in os.environ.items() if name not in hidden}
        self.environment["PATH"] = f"{Path(sys.base_prefix) / 'bin'}:{os.environ['PATH']}"
        self.entry_point: list[str] = []

    def within(self, text: str) -> str:
        """A text whose absolute paths are below the root."""
        return re.sub(r"(?<![\w.}])/(?=opt\b|build\b)", f"{self.root}/", text)

    def take(self, instruction: str, arguments: str) -> None:
        match instruction:
            case "COPY":
                *sources, target_argument = [word for word in arguments.split() if not word.startswith("--from=")]
                if "--from=" in arguments:
                    assert Path(self.within(target_argument)).is_dir()  # of the stage before, which wrote it here
                    return
                for source in sources:
                    target = self.workdir / target_argument / (source if target_argument.endswith("/") else "")
                    target.parent.mkdir(parents=True, exist_ok=True)
                    if (ROOT / source).is_dir():
                        shutil.copytree(ROOT / source, target, dirs_exist_ok=True)  # two stages copy it
                    else:
                        shutil.copy(ROOT / source, target)
            case "WORKDIR":
                self.workdir = Path(self.within(arguments))
                self.workdir.mkdir(parents=True, exist_ok=True)
            case "ENV":
                for name, text in re.findall(r"(\w+)=(\S+)", arguments):
                    self.environment[name] = self.within(text).replace("${PATH}", self.environment["PATH"])
            case "RUN":
                for command in (subcommand.strip() for subcommand in arguments.split("&&")):
                    if not LEFT_OUT.match(command):
                        self.run(["bash", "-ec", self.within(command.replace("--owner monitor ", ""))])
                    if command.startswith("python -m venv "):
                        target_argument = Path(self.within(command.split()[-1])) / LIBRARIES
                        (target_argument / "borrowed.pth").write_text(f"{ROOT / '.venv' / LIBRARIES}\n")
            case "ENTRYPOINT":
                self.entry_point = json.loads(arguments)
            case _:
                assert instruction in ("FROM", "ARG", "USER")

    def run(self, words: list[str], **variables: str) -> str:
        environment = self.environment | variables
        done = run_on_one_stream(words, env=environment, cwd=self.workdir, timeout=600)
        assert done.returncode == 0, f"{words}\n{done.stdout[-4000:]}"
        return done.stdout


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    root = tmp_path_factory.mktemp("image")
    jar = jar_path({})
    if jar.is_file():
        jar_folder = root / "opt" / "spark-model-monitor" / "cache" / "jars"
        jar_folder.mkdir(parents=True)
        (jar_folder / jar.name).symlink_to(jar)
    new_image = Image(root)
    for step in steps():
        new_image.take(*step)
    return new_image


def test_the_entry_point_is_the_clones_and_makes_a_baseline_of_what_is_mounted(image):
    ml = image.root / "opt" / "ml"
    data = ml / "processing" / "input" / "baseline_dataset_input"
    data.mkdir(parents=True)
    (data / "people.csv").write_text("score,plan\n" + "0.25,a\n" * 300)

    package_path = image.run(["python", "-c", "import spark_model_monitor; print(spark_model_monitor.__file__)"])
    assert Path(package_path.strip()).is_relative_to(image.root)
    image.run(
        image.entry_point,
        MODEL_MONITOR_CONTAINER_ROOT=str(image.root),
        dataset_source=str(data),
        dataset_format='{"csv": {"header": true}}',
        output_path=str(ml / "processing" / "output"),
        publish_cloudwatch_metrics="Disabled",
    )

    assert (ml / "output" / "message").read_text() == "Completed: Job completed successfully with no violations.\n"
    constraints = json.loads((ml / "processing" / "output" / "constraints.json").read_text())
    assert [feature["name"] for feature in constraints["features"]] == ["score", "plan"]
