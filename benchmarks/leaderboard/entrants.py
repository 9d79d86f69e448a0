"""The table of all entrants of the leaderboard."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from detectors import Detector, StreamDescription

ROOT = Path(__file__).resolve().parents[2]

MONTHLY = "one alarm a month"  # 720 windows


@dataclass(frozen=True)
class Entrant:
    """maker: the detector's module, or the path of its file, and name. package: whose version it has. environment: below
    build/leaderboard, None for this one. promise: what its authors promise of its alarms, if it has no scores to set a limit on.
    is_dear: above .1 core s a window, so that it plays a third of the laws. of_errors: whether it is made for a model's errors,
    and plays those laws alone. equality: of a port the test that shows its numbers to be the original's, by file and name.
    """

    maker: str
    settings: Mapping[str, object] = field(default_factory=dict)
    package: str = "numpy"
    environment: str | None = None
    promise: str = ""
    is_dear: bool = False
    of_errors: bool = False
    equality: str = ""

    @property
    def has_scores(self) -> bool:
        return not self.promise

    @property
    def files(self) -> list[Path]:
        """What has to be there of an entrant that is somewhere else."""
        names = [self.maker.rpartition(":")[0], str(self.settings.get("file", ""))]
        return [ROOT / name for name in names if name.endswith(".py")]

    def load(self) -> Callable[..., Detector]:
        name, _, title = self.maker.rpartition(":")
        if name.endswith(".py"):
            sys.path.insert(0, str((ROOT / name).parent))
            name = Path(name).stem
        maker: Callable[..., Detector] = getattr(importlib.import_module(name), title)
        return maker

    def make(self, stream: StreamDescription) -> Detector:
        return self.load()(stream, **self.settings)


PROTOTYPES = "../shared/design/one-variance"
ADAPTER = "ours_adapter:Ours"
UNIT = "tests/unit/test_leaderboard"
PORTS = f"{UNIT}_ports.py"
DEEQU = "tests/spark/deequ/test_anomaly_strategies.py::test_strategies"
STRATEGIES = ("BatchNormal", "OnlineNormal", "RelativeRateOfChange")
OURS = "ours"
ENTRANTS: dict[str, Entrant] = {}

ENTRANTS[OURS] = Entrant(ADAPTER, package="spark_model_monitor", promise=MONTHLY)
ENTRANTS["ours, accepted"] = replace(ENTRANTS[OURS], settings={"accepts": True})
ENTRANTS["ours, --rows independent"] = replace(ENTRANTS[OURS], settings={"rows": "independent"}, is_dear=True)
ENTRANTS["ours, --with-pairs"] = replace(ENTRANTS[OURS], settings={"pairs": True}, is_dear=True)
ENTRANTS["one variance, 3"] = Entrant("ours_adapter:Prototype", {"file": f"{PROTOTYPES}/simple3.py"}, promise=MONTHLY)
ENTRANTS["one variance, 5"] = Entrant(f"{PROTOTYPES}/adapter.py:Simple", promise=MONTHLY)
ENTRANTS["z-test"] = Entrant("ours_adapter:StudentTest")
# What people write
ENTRANTS["PSI"] = Entrant("rule_adapters:PopulationStability", equality=f"{UNIT}.py::test_psi_of_shifted_deciles")
ENTRANTS["KS"] = Entrant("rule_adapters:KolmogorovSmirnov", package="scipy")
ENTRANTS["TFDV"] = Entrant("rule_adapters:DataValidation", equality=f"{PORTS}::test_tfdv")
for strategy in STRATEGIES:
    ENTRANTS[f"Deequ: {strategy}"] = Entrant("rule_adapters:MetricSeries", {"strategy": strategy}, equality=DEEQU)
# Made for a model's errors
ENTRANTS["e-detector"] = Entrant("sequential_adapters:EDetector", of_errors=True, equality=f"{PORTS}::test_e_detector")
ENTRANTS["PITMonitor"] = Entrant(
    "sequential_adapters:PITMonitor", of_errors=True, equality=f"{PORTS}::test_pit_monitor"
)
ENTRANTS["WATCH"] = Entrant("sequential_adapters:WeightedMartingale", of_errors=True, equality=f"{PORTS}::test_watch")
for title, detector in {"MeanShift": "MeanShift", "e-CUSUM": "ECUSUM"}.items():
    settings = {"detector": detector}
    ENTRANTS[f"driftfdr: {title}"] = Entrant("driftfdr_adapter:Fleet", settings, "driftfdr", "driftfdr", of_errors=True)
for title in ("ADWIN", "PageHinkley", "DDM", "KSWIN"):
    entrant = Entrant("river_adapter:River", {"detector": title}, "river", "river", of_errors=True)
    ENTRANTS[f"River: {title}"] = replace(entrant, is_dear=title == "KSWIN")
# Packages
ENTRANTS["NannyML"] = Entrant("nannyml_adapter:NannyML", {}, "nannyml", "nannyml")
ENTRANTS["alibi-detect: KS"] = Entrant("alibi_adapter:Alibi", {}, "alibi-detect", "alibi")
ENTRANTS["alibi-detect: MMD"] = Entrant("alibi_adapter:Alibi", {"detector": "MMDDrift"}, "torch", "alibi", is_dear=True)
ENTRANTS["Evidently"] = Entrant("evidently_adapter:Evidently", {}, "evidently", "evidently", is_dear=True)
