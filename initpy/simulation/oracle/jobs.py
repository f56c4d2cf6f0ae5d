"""What the image's job files say of time limits and tries, as the oracle reads them.

From the files' text, with none of the checks of initpy/config: it knows a few keys only.
"""

import json
import tomllib
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from initpy.scenario.jobfiles import texts_of
from initpy.scenario.model import OWN_JOBS, Scenario


class Job(NamedTuple):
    """One `[[job]]`; what it does not say has the default of docs/jobs.md."""

    name: str
    run: tuple[str, ...] = ()
    timeout: float = 60.0  # 0: as long as it takes
    tries: int = 3
    retry_after: float = 1.0
    once: bool = False
    reveals: bool = False
    after: tuple[str, ...] = ()  # jobs that have ended before it runs
    renew: tuple[str, ...] = ()  # jobs and properties whose news have it run again
    kernel: str = ""  # the one kernel name that it matches; empty: others, or several


KINDS: dict[str, Callable[[Any], Any]] = {
    "name": str, "run": tuple, "timeout": float, "tries": int, "retry_after": float, "once": bool,
    "reveals": bool, "after": tuple, "renew": tuple,
}  # fmt: skip


def job_of(scenario: Scenario, key: str) -> Job | None:
    """The job of an instance (`name@device`), with the scenario's time limit."""
    name = key.partition("@")[0]
    job = shipped_jobs(scenario).get(name)
    if job is None:
        job = next((each for each in own_jobs(scenario) if each.name == name), None)
    limit = dict(scenario.limits).get(name)
    return job if job is None or limit is None else job._replace(timeout=limit)


def shipped_jobs(scenario: Scenario) -> dict[str, Job]:
    """The project's jobs in the image of this scenario, by name."""
    return _shipped(tuple(texts_of(scenario).values()))


@lru_cache(maxsize=8)
def _shipped(texts: tuple[str, ...]) -> dict[str, Job]:
    return {job.name: job for text in texts for job in _jobs(json.loads(text))}


def own_jobs(scenario: Scenario) -> tuple[Job, ...]:
    """The jobs of the files that the scenario puts into the image."""
    files = (text for path, text in scenario.files if path.startswith(OWN_JOBS))
    return tuple(job for text in files for job in _own(text))


@lru_cache(maxsize=256)
def _own(text: str) -> tuple[Job, ...]:
    try:
        return tuple(_jobs(tomllib.loads(text)))
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError):
        return ()  # the image goes without it


def _jobs(table: dict[str, Any]) -> list[Job]:
    found = []
    for each in table.get("job", ()):
        said = {key: kind(each[key]) for key, kind in KINDS.items() if key in each}
        match = each.get("match")
        kernel = match.get("KERNEL", "") if isinstance(match, dict) else ""
        exact = isinstance(kernel, str) and not set("*?[|!") & set(kernel)
        found.append(Job(**said, kernel=kernel if exact else ""))
    return found
