"""The job files of the image: the built-in ones, then those that people dropped in."""

from collections.abc import Callable
from pathlib import Path

from initpy.config.errors import InputError
from initpy.config.jobs import load_job_folders
from initpy.core.definitions import JobDefinition

FOLDERS = (Path("/usr/lib/initpy/jobs"), Path("/etc/initpy/jobs"))


def load_jobs(report: Callable[[InputError], None]) -> tuple[JobDefinition, ...]:
    """All jobs; a file that does not validate is reported and left out."""
    return tuple(job for file in load_job_folders(FOLDERS, report) for job in file.jobs)
