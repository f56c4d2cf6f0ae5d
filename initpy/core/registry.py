"""What a boot is made of: one line for each strategy, technology and source of secrets.

Handlers are imported when their strategy is first used: start-up time is a feature.
"""

import functools
from collections.abc import Callable, Sequence

from initpy.core.devices.graph import EXPORT, LISTED, NET, SET, Device
from initpy.core.goals import mounts
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.goal import Goal
from initpy.core.jobs.handler import Handler, Manner, Manners
from initpy.core.jobs.hold_table import HoldKind
from initpy.core.jobs.technology import Entry, Technology
from initpy.core.machine import rules
from initpy.core.state.context import Context
from initpy.core.state.deadlines import RESUME
from initpy.core.unlock import named_volumes
from initpy.core.unlock.source import Source

Sources = Sequence[Callable[[], Source]]


def sources() -> Sources:
    """Where secrets come from, the first to be tried first."""
    from initpy.core.unlock import empty_passphrase, keyfile, keyscript, known_passphrase, person

    return (
        keyfile.source,
        keyscript.source,
        person.source,
        known_passphrase.source,
        empty_passphrase.source,
    )


def _plain() -> Handler:
    return Handler(rules.run_now, rules.ended)


def _md_start() -> Handler:
    from initpy.core.storage.md import start_degraded

    return start_degraded.handler()


def _look() -> Handler:
    from initpy.core.storage.md import look

    return look.handler()


def _start_monitor() -> Handler:
    from initpy.core.storage.md import monitor

    return monitor.handler()


def _take_down() -> Handler:
    from initpy.core.storage import take_down

    return take_down.handler()


def _reassemble() -> Handler:
    from initpy.core.storage.md import reassemble

    return reassemble.handler()


def _lvm(strategy: Strategy) -> Callable[[], Handler]:
    def load() -> Handler:
        from initpy.core.storage.lvm import groups

        return groups.handlers()[strategy]

    return load


def _resume() -> Handler:
    from initpy.core.goals import resume

    return resume.handler()


def _group_command() -> Handler:
    from initpy.core.storage.lvm import foreign_groups

    return foreign_groups.handler()


def _check() -> Handler:
    from initpy.core.goals import fsck

    return fsck.handler()


def _check_other() -> Handler:
    from initpy.core.goals import other_checks

    return other_checks.handler()


def _gather() -> Handler:
    from initpy.core.storage import sets

    return sets.handler()


def _start_incomplete() -> Handler:
    from initpy.core.storage import incomplete

    return incomplete.handler()


def _mount(strategy: Strategy) -> Callable[[], Handler]:
    def load() -> Handler:
        return mounts.handlers()[strategy]

    return load


def _btrfs_mount() -> Handler:
    from initpy.core.storage import btrfs

    return btrfs.handler()


def _mount_export() -> Handler:
    from initpy.core.network import exports

    return exports.handler()


def _nbd() -> Handler:
    from initpy.core.network import nbd

    return nbd.handler()


def _iscsi(number: int) -> Callable[[], Handler]:
    def load() -> Handler:
        from initpy.core.network import iscsi

        return iscsi.handlers()[number]

    return load


def _nvme(number: int) -> Callable[[], Handler]:
    def load() -> Handler:
        from initpy.core.network import nvme

        return nvme.handlers()[number]

    return load


def _unlock(made: Callable[[], Sources]) -> Callable[[], Handler]:
    def load() -> Handler:
        from initpy.core.unlock import attempts

        return attempts.handler(made())

    return load


@functools.cache
def manners(made: Callable[[], Sources] = sources) -> Manners:
    """What each strategy declares, in the order in which its holds are looked for."""
    work, extra = HoldKind.WORK, HoldKind.EXTRA_MOUNT
    activate, start = Strategy.GROUP_ACTIVATE, Strategy.GROUP_START
    found = {
        Strategy.RUN: Manner(_plain, work, queues=True),
        Strategy.UNLOCK: Manner(
            _unlock(made),
            HoldKind.PERSON,
            keeps=named_volumes.any_waited_for,
            named=named_volumes.why_unnamed,
        ),
        Strategy.DEGRADED_START: Manner(_md_start, work, assembly=True),
        Strategy.REASSEMBLE: Manner(_reassemble, work),
        Strategy.START_MONITOR: Manner(_start_monitor, work, late=True),
        Strategy.LOOK: Manner(_look, work, assembly=True),
        # The handover waits until what was looked into is taken down; nothing else begins then.
        Strategy.TAKE_DOWN: Manner(_take_down, work, late=True),
        Strategy.MOUNT_DEGRADED: Manner(_btrfs_mount, writes=True, mounts=True, assembly=True),
        Strategy.GROUP_SCAN: Manner(_lvm(Strategy.GROUP_SCAN), work, queues=True),
        start: Manner(_lvm(start), work, assembly=True),
        activate: Manner(_lvm(activate), work, queues=True, assembly=True, last_resort=True),
        Strategy.GROUP_COMMAND: Manner(_group_command, work, queues=True),
        Strategy.GATHER: Manner(_gather, work),
        Strategy.START_INCOMPLETE: Manner(_start_incomplete, work, assembly=True),
        Strategy.RESUME: Manner(_resume, HoldKind.RESUME),
        Strategy.CHECK: Manner(_check, HoldKind.CHECK, writes=True, mounts=True),
        Strategy.CHECK_OTHER: Manner(_check_other, writes=True, beside=True),
        Strategy.MOUNT_ROOT: Manner(
            _mount(Strategy.MOUNT_ROOT), HoldKind.MOUNT, writes=True, mounts=True
        ),
        Strategy.MOUNT_EXTRA: Manner(_mount(Strategy.MOUNT_EXTRA), extra, writes=True, mounts=True),
        # It is tried again and again: no try holds root's deadline.
        Strategy.MOUNT_EXPORT: Manner(_mount_export, writes=True, mounts=True),
        Strategy.ISCSI_DAEMON: Manner(_iscsi(0), work),
        Strategy.ISCSI_DISCOVERY: Manner(_iscsi(1), work),
        Strategy.ISCSI_LOGIN: Manner(_iscsi(2), work),
        Strategy.NVME_DISCOVERY: Manner(_nvme(0), work),
        Strategy.NVME_CONNECT: Manner(_nvme(1), work),
        Strategy.NBD_CONNECT: Manner(_nbd, work),
        Strategy.MOUNT_HOST: Manner(_mount(Strategy.MOUNT_HOST), extra, writes=True),
    }
    return Manners(found)


def _is_md(device: Device) -> bool:
    known = device.properties.get("ID_FS_TYPE", "")
    return device.name.startswith("md") or known.endswith("_raid_member")


def _load_md() -> Technology:
    from initpy.core.storage.md import technology

    return technology.technology()


def _is_lvm(device: Device) -> bool:
    return device.properties.get("ID_FS_TYPE") == "LVM2_member"


def _load_lvm() -> Technology:
    from initpy.core.storage.lvm import groups

    return groups.technology()


def _is_btrfs(device: Device) -> bool:
    return "ID_BTRFS_READY" in device.properties


def _load_btrfs() -> Technology:
    from initpy.core.storage import btrfs

    return btrfs.technology()


def _is_encrypted(device: Device) -> bool:
    known = device.properties
    locked = device.kind is LISTED and not device.ready
    return locked or known.get("ID_FS_TYPE") == "crypto_LUKS" or "INITPY_CRYPT" in known


def _load_unlock() -> Technology:
    from initpy.core.unlock import attempts

    return attempts.technology()


def _is_network(device: Device) -> bool:
    return device.kind in (NET, EXPORT)


def _load_network() -> Technology:
    from initpy.core.network import technology

    return technology.technology()


def _is_set(device: Device) -> bool:
    return device.kind is SET


def _load_sets() -> Technology:
    from initpy.core.storage import sets

    return sets.technology()


def _is_path(device: Device) -> bool:
    return device.properties.get("ID_BUS") == "scsi"


def _load_duplicates() -> Technology:
    from initpy.core.storage import duplicates

    return duplicates.technology()


TECHNOLOGIES = (
    Entry(_is_path, _load_duplicates),
    Entry(_is_set, _load_sets),
    Entry(_is_btrfs, _load_btrfs),
    Entry(_is_md, _load_md),
    Entry(_is_lvm, _load_lvm),
    Entry(_is_encrypted, _load_unlock),
    Entry(_is_network, _load_network),
)


def _resume_settled(context: Context) -> bool:
    """True unless root is there and waits for a hibernated system."""
    return not context.goals.resuming or context.deadlines.get(RESUME) is None


def _resume_missing(context: Context) -> str:
    wanted = context.settings.resume
    return f"a hibernated system on {wanted.source} ({wanted.by})" if wanted is not None else ""


GOALS = (Goal("resume", _resume_settled, _resume_missing), mounts.ROOT, mounts.EXTRA)


class Registry:
    """The parts of a boot; a test may add its own."""

    def __init__(
        self,
        of: Manners | None = None,
        technologies: Sequence[Entry] = TECHNOLOGIES,
        goals: tuple[Goal, ...] = GOALS,
    ) -> None:
        self.manners = of or manners()
        self.technologies = technologies
        self.goals = goals
