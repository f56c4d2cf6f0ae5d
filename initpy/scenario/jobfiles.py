"""The job files in a scenario's image: the project's, with the scenario's time limits."""

import functools
import json
from pathlib import Path
from types import MappingProxyType

from initpy.config.errors import InputError
from initpy.config.jobs import json_text
from initpy.config.project import PROJECT
from initpy.scenario.model import OWN_JOBS, Scenario


def shipped_paths() -> dict[str, Path]:
    """Return the project's job files by name; only some images contain those in `extra/`."""
    folder = PROJECT / "jobs"
    paths = [*sorted(folder.glob("*.toml")), *sorted((folder / "extra").glob("*.toml"))]
    return {str(path.relative_to(folder).with_suffix("")): path for path in paths}


@functools.lru_cache(maxsize=1)
def _shipped_texts() -> MappingProxyType[str, str]:
    return MappingProxyType({name: json_text(path) for name, path in shipped_paths().items()})


def texts_of(scenario: Scenario) -> dict[str, str]:
    """Return the texts of the job files in a scenario's image, by file name."""
    wanted = {f"extra/{name}" for name in scenario.variant.jobs}
    return {
        f"{name.rpartition('/')[2]}.json": text
        for name, text in _shipped_texts().items()
        if "/" not in name or name in wanted
    }


def with_limits(scenario: Scenario) -> dict[str, str]:
    """Return the job files that `[limits]` changes, by their path in the image.

    Raises InputError if `[limits]` names an unknown job.
    """
    limits = dict(scenario.limits)
    changed: dict[str, str] = {}
    known: set[str] = set()
    for name, text in texts_of(scenario).items() if limits else ():
        table = json.loads(text)
        jobs = {job["name"]: job for job in table.get("job", ())}
        known |= jobs.keys()
        for job in jobs.keys() & limits.keys():
            jobs[job]["timeout"] = limits[job]
        if jobs.keys() & limits.keys():
            changed[f"{OWN_JOBS}{name}"] = json.dumps(table)
    for name in sorted(limits.keys() - known):
        expected = f"the name of a job: {', '.join(sorted(known))}"
        raise InputError(f"{scenario.path}: limits", name, expected)
    return changed
