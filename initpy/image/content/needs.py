"""Collects what job files and the request want in an image, each with its source."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from initpy.config.errors import InputError
from initpy.config.jobs import JobFile, check_names, load_job_file
from initpy.image.content.programs import Named
from initpy.image.content.python import NETWORK_LIBRARY
from initpy.image.content.recipe import project_folder
from initpy.image.kernel.kmod import Need, Want


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file, udev rule or Python module by name, and the source that wants it."""

    name: str
    by: str


@dataclass(frozen=True, slots=True)
class Needs:
    """All wanted items, each with the source that wants it."""

    programs: tuple[Named, ...]
    modules: tuple[Want, ...]
    rules: tuple[Wanted, ...]
    files: tuple[Wanted, ...]
    optional: tuple[Wanted, ...]
    python: tuple[Wanted, ...]
    of_machine: tuple[Wanted, ...] = ()


def load_jobs(places: Iterable[Path]) -> tuple[JobFile, ...]:
    """Load the job files in folders, and single job files; a later file replaces its namesake.

    Raises InputError for an invalid one: it would not work in the image either.
    """
    paths: dict[str, Path] = {}
    for place in places:
        if not place.exists():
            raise InputError(str(place), "nothing", "a job file or a folder of job files")
        found = sorted(place.glob("*.toml")) if place.is_dir() else [place]
        paths.update({path.name: path for path in found})
    files = [load_job_file(path) for _, path in sorted(paths.items())]
    return tuple(check_names(files, fail))


def without_network(files: Iterable[JobFile]) -> tuple[JobFile, ...]:
    """Return the job files of an image that is to have no network."""
    return tuple(each for each in files if NETWORK_LIBRARY not in each.image.python)


def fail(error: InputError) -> NoReturn:
    """Raise the error: a boot only reports it, a build fails."""
    raise error


def gather(
    jobs: Iterable[JobFile],
    programs: Iterable[str] = (),
    drivers: Iterable[str] = (),
    *,
    generic: bool = True,
) -> Needs:
    """Return the needs of the job files and of the request, for any machine if `generic`."""
    request = "the request"
    jobs = tuple(jobs)
    files = [(file.image, f"jobs/{Path(file.source).name}") for file in jobs]
    return Needs(
        programs=(
            *(Named(name, by) for image, by in files for name in image.programs),
            *(Named(name, request) for name in programs),
        ),
        modules=(
            *(want for file in jobs for want in _modules(file, generic=generic)),
            *(Want(name, request) for name in drivers),
        ),
        rules=tuple(Wanted(name, by) for image, by in files for name in image.rules),
        files=tuple(Wanted(name, by) for image, by in files for name in image.files),
        optional=tuple(Wanted(name, by) for image, by in files for name in image.optional),
        of_machine=tuple(Wanted(name, by) for image, by in files for name in image.of_machine),
        python=tuple(Wanted(name, by) for image, by in files for name in image.python),
    )


def _modules(file: JobFile, *, generic: bool) -> Iterator[Want]:
    """Yield the modules of a job file.

    A generic image takes every job file of the project. Not every kernel has every technology, and
    the build cannot know which technologies the target machine uses.
    """
    by = f"jobs/{Path(file.source).name}"
    spare = generic and Path(file.source).parent == project_folder("jobs")
    need = Need.TECHNOLOGY if spare else Need.REQUIRED
    yield from (Want(name, by, need) for name in file.image.modules)
    others = (*file.image.optional_modules, *(file.image.generic if generic else ()))
    yield from (Want(name, by, Need.OPTIONAL) for name in others)
