"""Where the parts of the product lie: in a clone, and where `pip install` put them. Standard library only."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from model_monitor.errors import BadConfiguration
from model_monitor.launch.spark_lines import WITHOUT_DEEQU


@dataclass(frozen=True)
class Layout:
    """Folders of the package, the job drivers and the settings; relative job paths may start at `root`."""

    package: Path
    jobs: Path
    conf: Path
    root: Path

    @classmethod
    def of(cls, package: Path) -> Layout:
        """The layout around the folder `model_monitor`; jobs and conf are inside it in a wheel, beside `lib` in a clone."""
        if (package / "jobs").is_dir():
            return cls(package, package / "jobs", package / "conf", package)
        clone = package.parent.parent
        return cls(package, clone / "jobs", clone / "conf", clone)

    @classmethod
    def here(cls) -> Layout:
        """The layout of the package that this module belongs to."""
        return cls.of(Path(__file__).resolve().parent.parent)

    def python_path(self, environment: Mapping[str, str]) -> str:
        """PYTHONPATH of a process that is to find this very package."""
        return os.pathsep.join(filter(None, [str(self.package.parent), environment.get("PYTHONPATH")]))

    def job_names(self) -> list[str]:
        """The jobs by the names that `model-monitor submit` takes."""
        return sorted(path.stem for path in self.jobs.glob("*.py") if not path.stem.startswith("_"))

    def job_file(self, name: str, working_directory: Path) -> Path:
        """The driver that `name` means: a path from `working_directory`, a path from `root`, or a job's name.

        Raises BadConfiguration with the nearest names if there is no such file.
        """
        for candidate in (working_directory / name, self.root / name, self.jobs / f"{name}.py"):
            if candidate.is_file():
                return candidate.resolve()
        near = self._near(name)
        raise BadConfiguration(
            f"{name!r} is neither a file nor a job; "
            + (f"did you mean {near[0]}?" if len(near) == 1 else f"write one of: {', '.join(near) or 'a path'}")
        )

    def needs_deequ(self, driver: Path) -> bool:
        """Whether a driver may ask Deequ for something; one that is not of this package may."""
        return driver.parent != self.jobs.resolve() or driver.stem not in WITHOUT_DEEQU

    def _near(self, name: str) -> Sequence[str]:
        names = self.job_names()
        return difflib.get_close_matches(Path(name).stem, names, n=3) or names
