"""The job files of the image: the built-in ones, then those that people dropped in."""

import json
import os
from collections.abc import Callable, Iterator

from initpy.config.errors import InputError
from initpy.config.jobs import JobFile, check_names, parse_job_file, parse_job_table
from initpy.core.definitions import JobDefinition

# The build writes what it has validated as JSON, which is read in a tenth of TOML's time.
# A later folder's file replaces one of the same name.
FOLDERS = ("/usr/lib/initpy/jobs", "/etc/initpy/jobs")


def load_jobs(
    report: Callable[[InputError], None], folders: tuple[str, ...] = FOLDERS
) -> tuple[JobDefinition, ...]:
    """All jobs; a file that does not validate is reported and left out."""
    paths: dict[str, str] = {}
    for folder in folders:
        paths.update({name.rpartition(".")[0]: f"{folder}/{name}" for name in _names(folder)})
    files = check_names(_read([path for _, path in sorted(paths.items())], report), report)
    return tuple(job for file in files for job in file.jobs)


def _names(folder: str) -> list[str]:
    try:
        return [name for name in os.listdir(folder) if name.endswith((".json", ".toml"))]
    except OSError:
        return []


def _read(paths: list[str], report: Callable[[InputError], None]) -> Iterator[JobFile]:
    for path in paths:
        try:
            yield _parse(path)
        except InputError as error:
            report(error)


def _parse(path: str) -> JobFile:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        if path.endswith(".json"):
            return parse_job_table(path, json.loads(text))
    except OSError as error:
        raise InputError(path, error.strerror, "a readable job file") from None
    except ValueError as error:  # not UTF-8, not JSON
        raise InputError(path, str(error), "UTF-8 text in the form of its suffix") from None
    return parse_job_file(path, text)
