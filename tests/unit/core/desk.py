"""A boot on the desk: devices, answers and time are given by hand, actions are looked at."""

from pathlib import Path
from typing import Any

from initpy.config.jobs import load_job_file
from initpy.core.actions import Action, Ask, Mount, Report, Run, Write
from initpy.core.boot import Boot
from initpy.core.devices.graph import Device
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.events import (
    Answered,
    BootStarted,
    DeviceChanged,
    DeviceRemoved,
    Event,
    JobEnded,
    Mounted,
    TimePassed,
)
from initpy.core.explanation import Node
from initpy.core.jobs.definitions import JobDefinition
from initpy.core.registry import Registry
from initpy.core.secret import Secret
from initpy.core.settings import Settings

JOBS = Path(__file__).parents[3] / "jobs"
# What ends well at once where a test is about something else.
LOADERS = ("luks-modules", "luks-ciphers", "fsck-ext", "nfs-driver", "nfs3-driver")
ROOT = DeviceSpec(Naming.LABEL, "root")


def settings(**changes: Any) -> Settings:
    """Settings with root=LABEL=root."""
    return Settings(root=ROOT)._replace(**changes)


def block(name: str, on: tuple[str, ...] = (), **properties: str) -> Device:
    """A block device; `md__array_state="clean"` stands for the attribute md/array_state."""
    known = {key.replace("__", "/"): value for key, value in properties.items()}
    known = {"KERNEL": name, "DEVNAME": f"/dev/{name}", **known}
    return Device(name, known, frozenset(), frozenset(on))


def member(name: str, uuid: str = "a:a:a:a") -> Device:
    """A member of an array."""
    return block(name, ID_FS_TYPE="linux_raid_member", ID_FS_USAGE="raid", ID_FS_UUID=uuid)


def array(name: str, on: tuple[str, ...], state: str, **properties: str) -> Device:
    """An array with two members in its metadata."""
    return block(name, on, md__array_state=state, **{"md__raid_disks": "2", **properties})


def luks(name: str, uuid: str = "u-1", on: tuple[str, ...] = ()) -> Device:
    """An encrypted volume."""
    return block(name, on, ID_FS_TYPE="crypto_LUKS", ID_FS_USAGE="crypto", ID_FS_UUID=uuid,
                 ID_FS_UUID_ENC=uuid)  # fmt: skip


def mapping(name: str, on: str, uuid: str, **properties: str) -> Device:
    """A device-mapper device."""
    return block(name, (on,), DM_NAME=name, DM_UUID=uuid, **properties)


def filesystem(
    name: str, label: str = "root", on: tuple[str, ...] = (), **properties: str
) -> Device:
    """An ext4 file system."""
    return block(name, on, ID_FS_TYPE="ext4", ID_FS_USAGE="filesystem", ID_FS_LABEL=label,
                 ID_FS_LABEL_ENC=label, **properties)  # fmt: skip


def _all(node: Node) -> list[Node]:
    return [node, *(each for child in node.children for each in _all(child))]


class Desk:
    """Drives a Boot and keeps what it did, with the times."""

    def __init__(
        self,
        asked: Settings | None = None,
        load_modules: bool = True,
        also: tuple[JobDefinition, ...] = (),
        registry: Registry | None = None,
    ) -> None:
        self.load_modules = load_modules  # at once, whenever a job does so
        jobs = [job for file in map(load_job_file, JOBS.glob("*.toml")) for job in file.jobs]
        self.boot = Boot(asked or settings(), [*jobs, *also], registry=registry)
        self.now = 0.0
        self.log: list[tuple[float, Action]] = []
        self.give(BootStarted())

    def give(self, event: Event, at: float | None = None) -> tuple[Action, ...]:
        """One event, now or at a later time."""
        self.now = self.now if at is None else at
        actions = self.boot.handle(event, self.now)
        self.log += [(self.now, each) for each in actions]
        for each in actions:
            if (
                self.load_modules
                and isinstance(each, Run)
                and each.job.partition("@")[0] in LOADERS
            ):
                self.give(JobEnded(each.job, each.run, 0))  # modprobe is of no interest here
        return actions

    def see(self, *devices: Device, at: float | None = None) -> None:
        """Devices appear or change."""
        for device in devices:
            self.give(DeviceChanged(device), at)

    def lose(self, name: str, at: float | None = None) -> None:
        """A device goes."""
        self.give(DeviceRemoved(name), at)

    def wait(self, until: float) -> None:
        """Time passes, in steps as an alarm would make them."""
        while self.now < until:
            self.give(TimePassed(), min(until, self.now + 0.5))

    def end(self, job: str, status: int = 0, output: str = "", error: str = "") -> None:
        """The last run of a job ends."""
        run = (self.runs(job) or self.writes(job))[-1].run
        self.give(JobEnded(job, run, status, output, error))

    def answer(self, text: str, at: float | None = None) -> None:
        """A person answers the prompt that is up."""
        job = self.asked()[-1].job
        self.give(Answered(job, Secret(text.encode())), at)

    def mount(self, source: str) -> None:
        """The mount of root has worked."""
        [*_, mount] = [each for _, each in self.log if isinstance(each, Mount)]
        self.give(JobEnded(mount.job, mount.run, 0))
        self.give(Mounted("/sysroot", source))

    def runs(self, job: str) -> list[Run]:
        """The commands started for a job."""
        return [each for _, each in self.log if isinstance(each, Run) and each.job == job]

    def writes(self, job: str) -> list[Write]:
        """What a job has had written to sysfs."""
        return [each for _, each in self.log if isinstance(each, Write) and each.job == job]

    def asked(self) -> list[Ask]:
        """The prompts so far."""
        return [each for _, each in self.log if isinstance(each, Ask)]

    def actions(self, kind: type) -> list[tuple[float, Action]]:
        """The actions of a kind, with their times."""
        return [(when, each) for when, each in self.log if isinstance(each, kind)]

    def nodes(self) -> list[Node]:
        """The tree as it is now, all nodes in its order."""
        return _all(self.boot.explain(self.now))

    def reports(self) -> str:
        """All that people were told."""
        return "\n".join(each.text for _, each in self.log if isinstance(each, Report))
