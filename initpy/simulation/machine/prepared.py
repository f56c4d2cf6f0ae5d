"""What the image and the command line make of a boot: settings, jobs, the disks. Made once each."""

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

from initpy.config.errors import InputError
from initpy.config.fstab import PATH as FSTAB
from initpy.config.fstab import parse_checks
from initpy.config.jobs import JobFile, check_names, parse_job_file
from initpy.config.network import iscsidconf, nvme
from initpy.config.network.machinefiles import (
    IBFT,
    ISCSID,
    KINDS,
    NBFT,
    NVME,
    applied,
    counts,
    without_secrets,
)
from initpy.config.settings import DEFAULTS, read_settings
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.jobs.definitions import Index, JobDefinition, index_of
from initpy.core.records import basis
from initpy.core.settings import Settings
from initpy.scenario import nbft as table
from initpy.scenario.jobfiles import shipped_paths, texts_of, with_limits
from initpy.scenario.model import OWN_JOBS, Scenario
from initpy.simulation.kernel import ibft
from initpy.simulation.world.making import Disks, make_disks

CRYPTTAB = "/etc/crypttab"
KEY_FOLDERS = ("/run/cryptsetup-keys.d", "/etc/cryptsetup-keys.d")  # the last one wins
# What of networks no image has of itself.
NETWORK = (
    "virtio_net", "nbd", "iscsi_tcp", "nfs", "nfsv4", "ip", "udhcpc", "nbd-client", "iscsistart",
    "mount", "mkdir",
)  # fmt: skip
MACHINE_UUID = "5f1ab8a5-0001-4f6e-a1c5-00000000007f"
ROOT_TYPE = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"  # of x86-64 in the Discoverable Partitions Spec.


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that does not change from run to run."""

    settings: Settings
    jobs: tuple[JobDefinition, ...]
    problems: tuple[InputError, ...]
    disks: Disks
    without: frozenset[str]  # drivers (and tools of networks) that the image lacks
    programs: frozenset[str]  # that the job files have put into the image, by name
    index: Index  # of the jobs
    network_files: dict[str, dict[str, str]]  # that counted, by kind


@functools.lru_cache(maxsize=32)
def prepare(scenario: Scenario) -> Prepared:
    """Read what the image of this scenario holds, as the engine does when it starts."""
    files = dict(scenario.files)
    defaults = files.get(DEFAULTS)
    problems: list[InputError] = []
    carried = _job_files(scenario, problems)
    jobs = tuple(job for file in carried for job in file.jobs)
    settings, wrong = read_settings(scenario.cmdline, files.get(CRYPTTAB), CRYPTTAB, defaults, jobs)
    problems += wrong
    if settings.root is not None and settings.root.naming is Naming.GPT_AUTO:
        settings = settings._replace(root=DeviceSpec(Naming.GPT_AUTO, ROOT_TYPE))
    settings = settings._replace(
        key_files=_key_files(settings, files), absent_keys=_absent_keys(settings, files)
    )
    settings = settings._replace(other_checks=parse_checks(files.get(FSTAB, "")))
    said: dict[str, dict[str, str]] = {}
    for kind, found in _network_files(scenario).items():
        if counts(kind, settings) or (found and kind == NBFT):
            settings, wrong = applied(settings, kind, found)
            problems += wrong
            said |= {kind: without_secrets(kind, found)} if found else {}
    return Prepared(
        settings,
        jobs,
        tuple(problems),
        make_disks(scenario),
        frozenset(scenario.variant.without) | _lacking(scenario, settings, carried),
        _programs(carried),
        index_of(jobs),
        said,
    )


def _network_files(scenario: Scenario) -> dict[str, dict[str, str]]:
    """What the image and the firmware say of the network, by kind, as the engine reads it."""
    files = dict(scenario.files)
    tables = {} if scenario.nbft is None else {"NBFT": table.content(scenario).hex()}
    named = {path: text for path, text in files.items() if path in nvme.FILES}
    found = {
        ISCSID: {iscsidconf.PATH: files[iscsidconf.PATH]} if iscsidconf.PATH in files else {},
        IBFT: ibft.files(scenario),
        NBFT: tables,
        NVME: nvme.without_secrets(named) | {nvme.MACHINE: MACHINE_UUID},
    }
    return {kind: found[kind] for kind in KINDS}


def _key_files(settings: Settings, files: dict[str, str]) -> dict[str, str]:
    found = {each.name: each.usual_key for each in settings.volumes if each.usual_key in files}
    for folder in KEY_FOLDERS:
        for path in files:
            if path.startswith(f"{folder}/") and path.endswith(".key"):
                found[path.removeprefix(f"{folder}/").removesuffix(".key")] = path
    return found


def _absent_keys(settings: Settings, files: dict[str, str]) -> frozenset[str]:
    keys = (volume.key for volume in (*settings.volumes, settings.unnamed))
    paths = {key.path for key in keys if key and key.device is None and not key.program}
    return frozenset(paths - files.keys())


@functools.lru_cache(maxsize=1)
def _shipped() -> dict[str, JobFile]:
    """The job files of this project, with those of "extra/", which only some images carry."""
    return {
        name: parse_job_file(str(path), path.read_text(encoding="utf-8"))
        for name, path in shipped_paths().items()
    }


def _programs(files: Sequence[JobFile]) -> frozenset[str]:
    """The names of the programs that these files put into the image."""
    paths = (path for file in files for path in (*file.image.programs, *file.image.optional))
    return frozenset(path.rpartition("/")[2] for path in paths)


def _job_files(scenario: Scenario, problems: list[InputError]) -> list[JobFile]:
    """The job files of the image; the user's own replaces a built-in one of the same name."""
    files = {name: each for name, each in _shipped().items() if not name.startswith("extra/")}
    for name in scenario.variant.jobs:
        files[name] = _shipped()[f"extra/{name}"]
    for path, text in sorted((*scenario.files, *with_limits(scenario).items())):
        if not path.startswith(OWN_JOBS) or not path.endswith((".toml", ".json")):
            continue
        try:
            name = path.removeprefix(OWN_JOBS).rpartition(".")[0]
            files[name] = _parse(path, text)
        except InputError as error:
            problems.append(error)
    return list(check_names(files.values(), problems.append))


def _lacking(scenario: Scenario, settings: Settings, files: Sequence[JobFile]) -> frozenset[str]:
    """What of a network's drivers and tools no job file has put into the image."""
    if not scenario.nics or settings.network is not None:
        return frozenset()
    named = {name for file in files for name in (*file.image.modules, *file.image.programs)}
    return frozenset(NETWORK) - {name.rpartition("/")[2] for name in named}


def _parse(path: str, text: str) -> JobFile:
    if path.endswith(".json"):
        from initpy.config.jobs import parse_job_table

        try:
            return parse_job_table(path, json.loads(text))
        except ValueError as error:
            raise InputError(path, str(error), "JSON") from None
    return parse_job_file(path, text)


def basis_of(scenario: Scenario) -> dict[str, object]:
    """What decides this boot besides the events, as the runtime's journal has it (R34)."""
    prepared, files = prepare(scenario), dict(scenario.files)
    own = {path: text for path, text in sorted(files.items())
           if path.startswith(OWN_JOBS) and path.endswith((".toml", ".json"))}  # fmt: skip
    sums = {name: f"{crc32(text.encode()):08x}" for name, text in texts_of(scenario).items()}
    found = basis(
        prepared.settings,
        scenario.cmdline,
        files.get(CRYPTTAB),
        sums,
        {**with_limits(scenario), **own},
        prepared.problems,
        files.get(DEFAULTS),
    )
    return found | prepared.network_files


def with_jobs(
    prepared: Prepared, jobs: Sequence[JobDefinition] | None
) -> tuple[JobDefinition, ...]:
    """The image's jobs, or others."""
    return prepared.jobs if jobs is None else tuple(jobs)
