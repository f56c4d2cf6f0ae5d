"""Load the job files of the image: built-in ones, then those that users added."""

import json
import os
from collections.abc import Callable

from initpy.config.errors import InputError
from initpy.config.jobs import JobFile, check_names, parse_job_file, parse_job_table
from initpy.core.jobs.definitions import JobDefinition

# The build validates job files and writes JSON, which takes a tenth of the time to read.
# A later folder's file replaces one of the same name.
BUILT_IN = "/usr/lib/initpy/jobs"
FOLDERS = (BUILT_IN, "/etc/initpy/jobs")


def load_jobs(
    report: Callable[[InputError], None],
    folders: tuple[str, ...] = FOLDERS,
    texts: dict[str, str] | None = None,
) -> tuple[JobDefinition, ...]:
    """Return all jobs; report a file that does not validate, and leave it out.

    The built-in file of that name stays in force: a typing error must not cost the boot.
    `texts` gets the content of each file, by path.
    """
    read = {} if texts is None else texts
    files: dict[str, JobFile] = {}
    for folder in folders:
        for name in _names(folder):
            try:
                files[name.rpartition(".")[0]] = _parse(f"{folder}/{name}", read)
            except InputError as error:
                report(error)
    kept = check_names(files.values(), report)
    return tuple(job for file in kept for job in file.jobs)


def _names(folder: str) -> list[str]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    return [name for name in names if name.endswith((".json", ".toml"))]


def _parse(path: str, texts: dict[str, str]) -> JobFile:
    try:
        with open(path, encoding="utf-8") as file:
            texts[path] = text = file.read()
        if path.endswith(".json"):
            return parse_job_table(path, json.loads(text))
    except OSError as error:
        raise InputError(path, error.strerror, "a readable job file") from None
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON
        raise InputError(path, str(error), "UTF-8 text in the form of its suffix") from None
    return parse_job_file(path, text)
