"""A dry run of what `make publish-check` publishes: both distributions in bare environments, and nothing from the network."""

from __future__ import annotations

import sys
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
from tests.at_hand import require
from tests.publish import (
    ROOT,
    TOOLS,
    build_distributions,
    check_distributions,
    run_command,
    run_quickstart,
)

import spark_model_monitor

pytestmark = pytest.mark.nightly

LIBRARIES = Path("lib") / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
"""Of an environment."""


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    require((TOOLS / "twine").exists(), "what builds and checks distributions is not at hand (`make build/pins/.made`)")
    wheel, sdist = build_distributions(tmp_path_factory.mktemp("dist"))
    return {"wheel": wheel, "sdist": sdist}


def test_a_registry_would_take_both(distributions):
    check_distributions(*distributions.values())


def test_the_wheel_has_the_members_of_setup_cfg_and_the_description_with_absolute_links(distributions):
    with zipfile.ZipFile(distributions["wheel"]) as wheel:
        [path] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = message_from_bytes(wheel.read(path))

    assert metadata["Name"] == "spark-model-monitor"
    for member in ("Home-page", "Project-URL", "Author", "Author-email", "Maintainer", "Maintainer-email"):
        assert metadata[member], member
    description = metadata.get_payload(decode=True).decode()
    assert description.startswith(f"# {spark_model_monitor.__title__}\n")
    assert metadata["Summary"] == spark_model_monitor.__title__
    assert "](docs/" not in description


@pytest.mark.parametrize("name", ["wheel", "sdist"])
def test_what_is_published_runs_in_a_bare_environment(name, distributions, tmp_path):
    environment = tmp_path / "bare"
    python = environment / "bin" / "python"
    run_command([sys.executable, "-m", "venv", "--without-pip", str(environment)], tmp_path)

    # pip is that of the tools. It builds the sdist with their setuptools, which is gone before anything runs.
    lent_tools = environment / LIBRARIES / "tools.pth"
    lent_tools.write_text(f"{find_libraries(TOOLS / 'python')}\n")
    pip = [str(TOOLS / "python"), "-m", "pip", "--python", str(python), "--quiet"]
    install = [*pip, "install", "--no-index", "--no-deps", "--no-build-isolation", "--no-compile"]
    run_command([*install, str(distributions[name])], tmp_path)
    lent_tools.unlink()

    # The command needs no library to say which version it is.
    version = f"spark-model-monitor {spark_model_monitor.__version__}\n"
    assert run_command([str(environment / "bin" / "spark-model-monitor"), "--version"], tmp_path).stdout == version
    assert run_command([str(python), "-m", "spark_model_monitor", "--version"], tmp_path).stdout == version

    # With the libraries of this environment it has all that a baseline and a window need. A plain path doesn't lend the checkout.
    (environment / LIBRARIES / "libraries.pth").write_text(f"{find_libraries(Path(sys.executable))}\n")
    program = "import spark_model_monitor; print(spark_model_monitor.__file__)"
    assert Path(run_command([str(python), "-c", program], tmp_path).stdout).is_relative_to(environment)
    run_quickstart(environment)


def find_libraries(python: Path) -> str:
    program = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return run_command([str(python), "-c", program], ROOT).stdout.strip()
