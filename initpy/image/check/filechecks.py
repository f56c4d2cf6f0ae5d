"""Judges whether the file systems that the boot mounts are checked before, as by fsck(8) (R19).

Without the program the boot mounts them unchecked: a warning, where a job file of initpy has one.
"""

from collections.abc import Iterable, Iterator

from initpy.config.jobs import JobFile
from initpy.core.devices.marks import CHECK
from initpy.core.jobs.definitions import JobDefinition
from initpy.image.check.programs import ImagePrograms
from initpy.image.check.proof import Row, Verdict
from initpy.image.stack.layers import Kind, Stack

NEED = "a check before its mount"


def rows(
    stack: Stack, files: Iterable[JobFile], own: Iterable[JobFile], programs: ImagePrograms
) -> Iterator[Row]:
    """Yield a row for each file system on a device of which `own` job files know a check.

    `files` are those of the image.
    """
    there, known = list(_jobs(files)), list(_jobs(own))
    for layer in map(stack.layer, stack.tops):
        kind = layer.fact("type")
        if layer.kind is not Kind.FILESYSTEM or len(layer.on) != 1:
            continue
        properties = {CHECK: "yes", "ID_FS_TYPE": kind}
        if not any(job.match.accepts(properties) for job in known):
            continue
        title = f"{layer.name} ({layer.kind.value})"
        job = next((each for each in there if each.match.accepts(properties)), None)
        name = job.run[0].replace("{ID_FS_TYPE}", kind) if job is not None and job.run else ""
        found = programs.check(name) if name else None
        if found is not None and not found.problem:
            yield Row(title, NEED, Verdict.OK, found.path)
            continue
        lack = found.problem if found is not None else f"{name or 'its job'} is not in the image"
        yield Row(title, NEED, Verdict.WARNING, f"{lack}: {kind} is mounted without a check")


def _jobs(files: Iterable[JobFile]) -> Iterator[JobDefinition]:
    return (job for file in files for job in file.jobs)
