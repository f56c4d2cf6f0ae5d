"""What an image must contain, gathered from job files and the request, with who asks for it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from initpy.config.errors import InputError
from initpy.config.jobs import JobFile, check_names, load_job_file
from initpy.image.content.programs import Named
from initpy.image.content.recipe import project_folder
from initpy.image.kernel.kmod import Need, Want


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file, rule or Python module by name."""

    name: str
    by: str


@dataclass(frozen=True, slots=True)
class Needs:
    """Everything wanted, each with the file that wants it."""

    programs: tuple[Named, ...]
    modules: tuple[Want, ...]
    rules: tuple[Wanted, ...]
    files: tuple[Wanted, ...]
    optional: tuple[Wanted, ...]
    python: tuple[Wanted, ...]


def load_jobs(places: Iterable[Path]) -> tuple[JobFile, ...]:
    """The job files in folders and those given one by one; a later one replaces its namesake.

    InputError for one that does not validate: it would not work in the image either.
    """
    paths: dict[str, Path] = {}
    for place in places:
        if not place.exists():
            raise InputError(str(place), "nothing", "a job file or a folder of job files")
        found = sorted(place.glob("*.toml")) if place.is_dir() else [place]
        paths.update({path.name: path for path in found})
    files = [load_job_file(path) for _, path in sorted(paths.items())]
    return tuple(check_names(files, fail))


def fail(error: InputError) -> NoReturn:
    """What is a mere report at boot ends a build."""
    raise error


def gather(
    jobs: Iterable[JobFile],
    programs: Iterable[str] = (),
    drivers: Iterable[str] = (),
    *,
    generic: bool = True,
) -> Needs:
    """The needs of the job files and of the request itself, for any machine if `generic`."""
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
        python=tuple(Wanted(name, by) for image, by in files for name in image.python),
    )


def _modules(file: JobFile, *, generic: bool) -> Iterator[Want]:
    """The modules of a job file.

    A generic image takes every job file of the project, and not every kernel has every technology;
    whether the machine has one, the build cannot know.
    """
    by = f"jobs/{Path(file.source).name}"
    spare = generic and Path(file.source).parent == project_folder("jobs")
    need = Need.TECHNOLOGY if spare else Need.REQUIRED
    yield from (Want(name, by, need) for name in file.image.modules)
    others = (*file.image.optional_modules, *(file.image.generic if generic else ()))
    yield from (Want(name, by, Need.OPTIONAL) for name in others)
