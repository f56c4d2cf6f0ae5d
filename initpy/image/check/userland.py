"""Checks the job files, programs and udev rules that set up each layer.

The image's own job files tell which program handles a device. A layer is covered if a job matches
the device below it. This file names no technology, so that it checks a job file for a new one like
initpy's own.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from initpy.config.errors import InputError
from initpy.config.jobs import JobFile, load_job_file, parse_job_file, parse_job_table
from initpy.core.jobs.definitions import JobDefinition
from initpy.image.check import filechecks
from initpy.image.check.drivers import Drivers
from initpy.image.check.netroot import is_exported
from initpy.image.check.parameters import Boot
from initpy.image.check.programs import Found, ImagePrograms
from initpy.image.check.proof import Row, Verdict
from initpy.image.content.recipe import project_folder
from initpy.image.content.udev import mentions_in
from initpy.image.formats import udevrules
from initpy.image.formats.archive import Archive
from initpy.image.stack.layers import HEADER_OF, KEY, Kind, Layer, Stack
from initpy.image.stack.mapper import is_below_volume
from initpy.image.tree import File

JOBS = ("/usr/lib/initpy/jobs", "/etc/initpy/jobs")
RULES = (
    "/usr/lib/udev/rules.d", "/lib/udev/rules.d", "/usr/local/lib/udev/rules.d",
    "/etc/udev/rules.d",
)  # fmt: skip
IMAGE = "the image"
MODPROBE = "modprobe"
# systemd's, in images that start it.
INSTEAD = {"cryptsetup": ("/usr/lib/systemd/systemd-cryptsetup", "/usr/bin/systemd-cryptsetup")}
ONCE = "boot it once beside an entry that works"
BY_ID = "/dev/disk/by-id/"
# The ID_FS_TYPE of the device below such a layer, if udev's record has none.
CONTENT = {Kind.MD: "linux_raid_member", Kind.LUKS: "crypto_LUKS", Kind.LVM: "LVM2_member"}


class Userland:
    """Checks everything but drivers. `ours`: initpy built the image."""

    def __init__(self, archive: Archive, machine: str = "") -> None:
        self._archive = archive
        self.programs = ImagePrograms(archive, machine)
        self.unusable: list[Row] = []
        self._by_id = False
        found = tuple(self._job_files())
        self.ours = bool(found)
        # Another generator sets up layers in its own way, but needs the same programs.
        self.jobs = found or tuple(project_jobs())

    def named_by_id(self, *texts: str) -> None:
        """Note whether one of the texts that name devices needs what rules find out of a disk."""
        self._by_id = any(BY_ID in each for each in texts)

    def rows(self, stack: Stack, boot: Boot, drivers: Drivers) -> Iterator[Row]:
        """Yield the rows for each layer that the kernel does not set up by itself."""
        yield from self.unusable
        if self.ours and boot.settings.check is not None:
            yield from filechecks.rows(stack, self.jobs, project_jobs(), self.programs)
        for layer in stack.layers:
            if layer.kind is Kind.FILESYSTEM and (layer.fact(KEY) or layer.fact(HEADER_OF)):
                continue  # the engine mounts it itself to read the file
            for below in layer.on:
                found = stack.layer(below)
                if _needs_a_job(found, layer):
                    yield from self._set_up(found, layer, boot, drivers)
            if not layer.on and layer.identity in stack.tops and layer.kind is Kind.FILESYSTEM:
                yield from self._set_up(layer, layer, boot, drivers)

    def general(self) -> Iterator[Row]:
        """Yield the rows for what every boot needs, which job files without jobs name.

        Another generator's image need not have these programs, but those present must run.
        """
        for file in self.jobs:
            if file.jobs:
                continue
            if self.ours:
                yield from self._programs(IMAGE, file.image.programs)
                yield from self._rules(IMAGE, [file])
            else:
                there = filter(self.programs.find, file.image.programs)
                yield from self._foreign_programs(IMAGE, there)

    def others(self) -> Iterator[Row]:
        """Yield the rows for programs that no job file names: a user's, another generator's.

        The boot does not depend on them, as far as is known.
        """
        good = 0
        for path, found in self.programs.others():
            good += not found.problem and not found.warnings
            for why in (found.problem, *found.warnings):
                if why:
                    yield Row(IMAGE, f"program {path}", Verdict.WARNING, why)
        if good:
            yield Row(IMAGE, "other programs", Verdict.OK, f"{good}, with all their libraries")

    def _set_up(self, below: Layer, layer: Layer, boot: Boot, drivers: Drivers) -> Iterator[Row]:
        title = f"{layer.name} ({layer.kind.value})"
        properties = _as_at_boot(below, layer)
        matching = [
            (file, job)
            for file in self.jobs
            for job in file.jobs
            if job.match.patterns and job.match.accepts(properties)
        ]
        if layer.kind is Kind.FILESYSTEM and _is_member(below):
            # A member of a pool is no file system: what mounts one does not import the pool.
            matching = [(file, job) for file, job in matching if job.run]
        if not matching:
            yield self._without_job(title, below, properties)
            return
        files = list({file.source: file for file, _ in matching}.values())
        if layer.kind is Kind.FILESYSTEM and not self._mounts(layer, properties):
            reason = "no job file of the image mounts it"
            reason += "" if self.ours else f"; {ONCE}"
            yield Row(title, "job", Verdict.MISSING if self.ours else Verdict.UNKNOWN, reason)
        names = [*dict.fromkeys(_called(job) for _, job in matching)]
        wanted = [name for file in files for name in file.image.programs]
        if self.ours:
            jobs = ", ".join(dict.fromkeys(job.name for _, job in matching))
            yield Row(title, "job", Verdict.OK, f"{jobs} on {below.name}")
            why = next(filter(None, (boot.forbids(below, layer, job) for _, job in matching)), "")
            if why:
                yield Row(title, "the command line", Verdict.MISSING, why)
            yield from self._programs(title, filter(None, (*names, *wanted)))
            yield from _modprobes(title, (job for _, job in matching), drivers)
            yield from self._rules(title, files)
        else:
            yield from self._foreign_programs(title, filter(None, wanted))

    def _mounts(self, layer: Layer, properties: dict[str, str]) -> bool:
        """Return whether a job mounts a file system once all its devices are there."""
        complete = {**properties, _ready(layer): "1"}
        return any(
            job.success.mounted and job.match.patterns and job.match.accepts(complete)
            for file in self.jobs
            for job in file.jobs
        )

    def _without_job(self, title: str, below: Layer, properties: dict[str, str]) -> Row:
        content = properties.get("ID_FS_TYPE") or below.fact("type") or below.kind.value
        if self.ours:
            reason = f"no job file of the image handles {below.name}, which is {content}"
            return Row(title, "job", Verdict.MISSING, reason)
        reason = f"initpy does not know how this image sets up {content}; {ONCE}"
        return Row(title, "set-up", Verdict.UNKNOWN, reason)

    def _programs(self, title: str, names: Iterable[str]) -> Iterator[Row]:
        good = []
        libraries = 0
        for name in dict.fromkeys(names):
            found = self.programs.check(name)
            if found is None:
                yield Row(title, f"program {name}", Verdict.MISSING, "is not in the image")
            elif found.problem:
                yield Row(title, f"program {name}", Verdict.MISSING, found.problem)
            else:
                good.append(name)
                libraries = max(libraries, found.libraries)
                yield from _warnings(title, name, found)
        if good:
            reason = f"{', '.join(good)}; up to {libraries} libraries, all present"
            yield Row(title, "programs", Verdict.OK, reason)

    def _foreign_programs(self, title: str, names: Iterable[str]) -> Iterator[Row]:
        for name in dict.fromkeys(names):
            found = self.programs.check(name) or self._instead(name)
            if found is not None and found.problem:
                yield Row(title, f"program {name}", Verdict.MISSING, found.problem)
            elif found is not None:
                yield Row(title, f"program {name}", Verdict.OK, found.path)
                yield from _warnings(title, name, found)
            else:
                reason = (
                    f"is not in the image; another generator built it, and may not need it; {ONCE}"
                )
                yield Row(title, f"program {name}", Verdict.UNKNOWN, reason)

    def _instead(self, name: str) -> Found | None:
        """Return the program that other generators have in place of one; None without it."""
        found = map(self.programs.check, INSTEAD.get(name, ()))
        return next((each for each in found if each is not None), None)

    def _rules(self, title: str, files: Iterable[JobFile]) -> Iterator[Row]:
        names = dict.fromkeys(rule for file in files for rule in file.image.rules)
        lacking = [name for name in names
                   if not any(f"{folder}/{name}" in self._archive for folder in RULES)]  # fmt: skip
        for name in lacking:
            yield Row(title, f"udev rules {name}", Verdict.MISSING, "are not in the image")
        hidden = [name for name in names if name not in lacking and self._is_hidden(name)]
        for name in hidden:
            reason = "are hidden by a link to /dev/null or a file without rules: they do nothing. "
            reason += "Remove that from /etc/udev/rules.d, and build the image again"
            yield Row(title, f"udev rules {name}", Verdict.UNKNOWN, reason)
        cut = {name: self._lost_label(name) for name in names if name not in lacking}
        cut = {name: label for name, label in cut.items() if label}
        for name, label in cut.items():
            reason = f"are cut off: nothing has the LABEL {label}. Build the image again"
            yield Row(title, f"udev rules {name}", Verdict.UNKNOWN, reason)
        if names and not lacking and not hidden and not cut:
            yield Row(title, "udev rules", Verdict.OK, ", ".join(names))
        yield from self._called_by_rules(title, names)

    def _called_by_rules(self, title: str, names: Iterable[str]) -> Iterator[Row]:
        """Warn of programs that rules run and the image lacks: a link that nothing else may need.

        A disk that is named by its serial number has its link of such a program only.
        """
        for name in names:
            folder = next(
                (each for each in reversed(RULES) if f"{each}/{name}" in self._archive), ""
            )
            entry = self._archive.get(f"{folder}/{name}")
            text = entry.read().decode("utf-8", "replace") if isinstance(entry, File) else ""
            for path in mentions_in([text]).programs:
                found = self.programs.check(path)
                problem = found.problem if found is not None else f"{path} is not in the image"
                if problem:
                    verdict = Verdict.UNKNOWN if self._by_id else Verdict.WARNING
                    reason = f"{problem}: --add {path}" if found is None else problem
                    yield Row(title, f"udev rules {name}", verdict, reason)

    def _is_hidden(self, name: str) -> bool:
        """Return whether the first file of a name has no rules: it hides the others (udev(7))."""
        return not any(each.words for each in self._first_rules(name))

    def _lost_label(self, name: str) -> str:
        """Return where the rules of a file jump to and nothing is; "" for nowhere."""
        rules = self._first_rules(name)
        labels = {each.value("LABEL") for each in rules}
        return next((goal for each in rules if (goal := each.value("GOTO")) not in labels), "")

    def _first_rules(self, name: str) -> list[udevrules.Rule]:
        found = (self._archive.get(f"{folder}/{name}") for folder in reversed(RULES))
        first = next((each for each in found if each is not None), None)
        text = first.read().decode("utf-8", "replace") if isinstance(first, File) else ""
        return [*udevrules.read(text)]

    def _job_files(self) -> Iterator[JobFile]:
        """Read the job files as the runtime does: a later folder's file replaces its namesake."""
        found: dict[str, JobFile] = {}
        for folder in JOBS:
            start = f"{self._archive.resolve(folder) or folder}/"
            for path in sorted(self._archive.entries):
                name, dot, kind = path.removeprefix(start).rpartition(".")
                inside = path.startswith(start) and dot and "/" not in name
                if inside and isinstance(self._archive.get(path), File):
                    try:
                        found[name] = _parse(path, kind, self._archive.read(path))
                    except InputError as error:
                        self.unusable.append(
                            Row(IMAGE, f"job file {path}", Verdict.WARNING, str(error))
                        )
        yield from found.values()


def _warnings(title: str, name: str, found: Found) -> Iterator[Row]:
    for each in found.warnings:
        yield Row(title, f"program {name}", Verdict.WARNING, each)


def _parse(path: str, kind: str, content: bytes) -> JobFile:
    text = content.decode("utf-8", "replace")
    if kind != "json":
        return parse_job_file(path, text)
    try:
        return parse_job_table(path, json.loads(text))
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(path, str(error), "a job file as JSON") from None


def project_jobs() -> Iterator[JobFile]:
    """Yield initpy's own job files."""
    folder = project_folder("jobs")
    for path in sorted((*folder.glob("*.toml"), *Path(folder, "extra").glob("*.toml"))):
        yield load_job_file(path)


def _modprobes(title: str, jobs: Iterable[JobDefinition], drivers: Drivers) -> Iterator[Row]:
    """Yield the rows for jobs that fail because modprobe does (kmod's status for any module)."""
    for job in jobs:
        if _called(job) == MODPROBE and job.success.exit:
            for name in (word for word in job.run[1:] if not word.startswith("-")):
                if why := drivers.refusal(name):
                    yield Row(
                        title, f"modprobe {name}", Verdict.MISSING, f"{why}: {job.name} fails"
                    )


def _called(job: JobDefinition) -> str:
    """Return the program that a job runs; "" without a program, or if a property names it."""
    word = job.run[0] if job.run else ""
    return "" if "{" in word else word


def _needs_a_job(below: Layer, layer: Layer) -> bool:
    """Return whether a job must run on `below` to create `layer`."""
    if below.kind is Kind.TARGET:
        return True  # a login
    if below.kind in (Kind.NETWORK, Kind.UNKNOWN):
        # The engine brings links up itself, and the job of a bond acts on the bond.
        return layer.kind not in (Kind.NETWORK, Kind.TARGET)
    if layer.kind is Kind.FILESYSTEM:
        return below.kind is not Kind.FILESYSTEM or layer.fact("type") != "overlay"
    if not below.identity.startswith("block:") or not layer.identity.startswith("block:"):
        return False
    if layer.kind is Kind.PARTITION:
        return bool(layer.property("DM_UUID"))  # the kernel creates all others
    if below.kind is Kind.CONTAINER:
        return False  # the jobs act on its disks
    if is_below_volume(below.property("DM_UUID")):
        return False
    # A volume below a volume is a part of it (pool, mirror leg), unless it is a physical volume.
    nested = below.property("ID_FS_TYPE") == CONTENT[Kind.LVM]
    return not (layer.kind is Kind.LVM and below.kind is Kind.LVM) or nested


def _ready(layer: Layer) -> str:
    """Return udev's property that says whether all devices of a file system are there."""
    return f"ID_{layer.fact('type').upper()}_READY"


def _is_member(below: Layer) -> bool:
    return below.property("ID_FS_TYPE").endswith("_member")


def _as_at_boot(below: Layer, layer: Layer) -> dict[str, str]:
    """Return the properties that the device below has at boot, before the layer exists."""
    properties = dict(below.properties)
    if layer.kind in CONTENT and "ID_FS_TYPE" not in properties:
        properties["ID_FS_TYPE"] = CONTENT[layer.kind]
    if layer.kind in (Kind.LUKS, Kind.CRYPT):
        properties.setdefault("INITPY_CRYPT", "named")
    if layer.kind is Kind.LVM and (group := layer.property("DM_VG_NAME")):
        properties.setdefault("LVM_VG_NAME_COMPLETE", group)
    if layer.kind is Kind.FILESYSTEM:
        properties |= dict(layer.properties)
        if is_exported(layer) and properties.get("INITPY_ROLE") == "root":
            properties["INITPY_ROLE"] = "export"
        if len(layer.on) > 1:
            # systemd's 64-btrfs.rules sets this until the last device is present.
            properties[_ready(layer)] = "0"
            properties["INITPY_COMPLETE"] = "yes"
    return properties
