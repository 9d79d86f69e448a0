"""What the files of a run, and of its baseline, say of one feature. Local files only, no JVM."""

from __future__ import annotations

import difflib
from dataclasses import replace

from model_monitor.documents.check_results import CheckResult, CheckResults
from model_monitor.documents.run_description import BaselineReference
from model_monitor.errors import BadInput
from model_monitor.monitors.data_quality.distributions import FeatureDistribution, from_feature_profile
from model_monitor.reports.derivation.explanations import DRIFT, Derivation, Explanation, derivation_of
from model_monitor.reports.history import baselines
from model_monitor.reports.history.archive import feature_from_parquet, path_of
from model_monitor.reports.history.baselines import of_files
from model_monitor.reports.outputs.files import Run, current_run
from model_monitor.statistics.states import FeatureProfile, Profile
from model_monitor.storage import join, storage_of

NOT_NAMED = "the run does not say which baseline it was held against; name it with --baseline"
NOT_IN_BASELINE = "{place} has no feature of this name"
NO_STATES = "{place} has no states/ of features"


def explain(name: str, run_path: str, baseline_path: str | None = None) -> Explanation:
    """Why the checks of a feature, or metric, came out as they did in the run published below `run_path`.

    baseline_path: output path of the baseline's run, or a folder with its two files; None: the one that the run names.
    Raises BadInput if no monitoring run was published there, or if no check of it has this name.
    """
    run = current_run(run_path)
    if run is None or CheckResults.FILE_NAME not in run.digests:
        raise BadInput(f"{run_path}: no monitoring run was published here; name the output path of jobs/monitor.py")
    results = _outcomes_of(name, run)
    profile = _profile_of(name, run.folder)
    drift = next((result for result in results if result.check == DRIFT), None)
    known = Explanation(name, run.folder, results, types=_types(profile), lacking=_lacking(profile))
    if profile is None or drift is None:
        return known
    reference = baselines.to_run(baseline_path) if baseline_path else _reference_of(run)
    found = _derived(name, drift, profile, reference)
    return replace(
        known,
        derivation=found if isinstance(found, Derivation) else None,
        no_derivation=None if isinstance(found, Derivation) else found,
        baseline=_place(reference) if reference else None,
    )


def _outcomes_of(name: str, run: Run) -> tuple[CheckResult, ...]:
    path = join(run.folder, CheckResults.FILE_NAME)
    checks = CheckResults.from_json(storage_of(path).read(path), path).checks
    found = tuple(check for check in checks if name in (check.feature, check.metric))
    if not found:
        names = list(dict.fromkeys(known for check in checks if (known := check.feature or check.metric)))
        near = difflib.get_close_matches(name, names, n=3)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"it has {', '.join(names[:20]) or 'none'}"
        raise BadInput(f"{path}: has no check of {name!r} among its {len(checks)}; {hint}")
    return found


def _derived(
    name: str, drift: CheckResult, profile: FeatureProfile, reference: BaselineReference | None
) -> Derivation | str:
    if reference is None:
        return NOT_NAMED
    baseline = _baseline_of(name, reference)
    if isinstance(baseline, str):
        return baseline
    return derivation_of(drift, baseline, from_feature_profile(profile))


def _baseline_of(name: str, reference: BaselineReference) -> FeatureDistribution | str:
    """The baseline's distribution of the feature, or why there is none."""
    place = _place(reference)
    if reference.folder is not None:
        if not storage_of(reference.folder).exists(join(reference.folder, path_of(Profile))):
            return NO_STATES.format(place=place)
        profile = _profile_of(name, reference.folder)
        return from_feature_profile(profile) if profile else NOT_IN_BASELINE.format(place=place)
    known = of_files(reference.constraints or "", reference.statistics)
    found: FeatureDistribution | None = known.distributions.get(name)
    return found or NOT_IN_BASELINE.format(place=place)


def _reference_of(run: Run) -> BaselineReference | None:
    path = join(run.folder, BaselineReference.FILE_NAME)
    if BaselineReference.FILE_NAME not in run.digests:
        return None
    return BaselineReference.from_json(storage_of(path).read(path), path)


def _profile_of(name: str, folder: str) -> FeatureProfile | None:
    """The feature's states below the folder of a run; None if there are none, as for metrics of a model."""
    path = join(folder, path_of(Profile))
    storage = storage_of(path)
    return feature_from_parquet(storage.read(path), path, name) if storage.exists(path) else None


def _types(profile: FeatureProfile | None) -> dict[str, int]:
    """The current data's cells by what they look like, those that occur."""
    if profile is None:
        return {}
    types = profile.data_types
    counts = {
        "Integral": types.integral,
        "Fractional": types.fractional,
        "Boolean": types.boolean,
        "String": types.text,
        "Unknown": types.unknown,
        "missing": types.missing,
    }
    return {name: count for name, count in counts.items() if count}


def _lacking(profile: FeatureProfile | None) -> tuple[str, ...]:
    return tuple(sorted(profile.lacking)) if profile else ()


def _place(reference: BaselineReference) -> str:
    return reference.folder or reference.statistics or reference.constraints or ""
