"""Mount, and read files of the root, in child processes: prompt and deadlines go on meanwhile."""

import asyncio
import errno
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from initpy.config.errors import InputError
from initpy.core.actions import Mount, Stop
from initpy.core.settings import ExtraMount
from initpy.core.state.goals import SYSROOT
from initpy.runtime.aside import Aside, answered_within
from initpy.runtime.handover import NoInitError, find_init, resolve
from initpy.runtime.mounts import (
    extra_mounts,
    mount_first,
    mount_root,
    mounted_at,
    read_fstab,
)
from initpy.runtime.processes import KILL_AFTER, end_kernel_helpers

ROOT_MOUNTS_SECONDS = 60.0
FSTAB_SECONDS = 10.0  # for the fstab of a root that an earlier engine has mounted
# A server may pause for a while at the handover.
NOTICE_SECONDS, MOST_NOTICES = 10.0, 6
ROOT = "the root file system"


class Mounted(NamedTuple):
    """The result of a mount: 0 or an errno, its meaning, the root's fstab, and the real place."""

    status: int
    error: str
    fstab: str | None = None
    place: str = ""


class Mounter:
    """Carries out `Mount`, and reads from the root what the handover needs."""

    def __init__(self, aside: Aside) -> None:
        self._aside = aside
        self._loop = asyncio.get_running_loop()

    async def mount(self, action: Mount) -> Mounted:
        """Mount, however long it takes."""
        answer = await self._aside.ask(_key(action.job, action.run), partial(_mount, action))
        if answer.error:
            return Mounted(errno.EINTR, answer.error)
        return Mounted(*answer.value)

    async def root_mounts(self, root: str) -> tuple[tuple[str, str], ...]:
        """Mount what the root's fstab wants without a device; return (place, why not)."""
        answer = self._aside.ask(f"mounts on {root}", partial(_root_mounts, root))
        if not await answered_within(ROOT_MOUNTS_SECONDS, answer):
            return ((f"what {root}/etc/fstab wants without a device", "the root does not answer"),)
        found = answer.result()
        if found.error:
            return ((f"what {root}/etc/fstab wants without a device", found.error),)
        return tuple(found.value)

    def stop(self, action: Stop) -> None:
        """End a mount that takes too long; first kill the kernel's helpers, such as modprobe."""
        key = _key(action.job, action.run)
        if self._aside.open(key):
            end_kernel_helpers()
            self._loop.call_later(KILL_AFTER, self._aside.stop, key)

    async def fstab(self) -> tuple[str | None, str]:
        """Return the fstab of a root that is mounted already, or why it is not known."""
        answer = self._aside.ask("fstab", partial(read_fstab, SYSROOT), FSTAB_SECONDS)
        if not await answered_within(FSTAB_SECONDS, answer):
            return None, f"{ROOT}: its fstab could not be read within {FSTAB_SECONDS:.0f} s"
        return answer.result().value, ""

    async def find_init(
        self, root: str, asked: str | None, say: Callable[[str], None]
    ) -> tuple[str, str]:
        """Call `handover.find_init`. Raises NoInitError also if the root does not answer."""
        answer = self._aside.ask(f"init on {root}", partial(_find_init, root, asked))
        for turn in range(1, MOST_NOTICES + 1):
            if await answered_within(NOTICE_SECONDS, answer):
                break
            if turn < MOST_NOTICES:
                say(f"{ROOT} has not answered for {turn * NOTICE_SECONDS:.0f} s: waiting for it")
        else:
            raise NoInitError(f"{ROOT} has not answered for {MOST_NOTICES * NOTICE_SECONDS:.0f} s")
        found = answer.result()
        if found.error:
            raise NoInitError(f"{ROOT} cannot be read: {found.error}")
        init, complaint = found.value
        if not init:
            raise NoInitError(complaint)
        return init, complaint


def wanted_below(
    fstab: str | None, complain: Callable[[InputError], None]
) -> tuple[ExtraMount, ...]:
    """Return what the root's fstab wants mounted below it; nothing without an fstab."""
    return extra_mounts(fstab, complain) if fstab is not None else ()


def _key(job: str, run: int) -> str:
    return f"mount {job} {run}"


# In a child


def _mount(action: Mount) -> tuple[int, str, str | None, str]:
    # A link in the new root is followed within it; mount(2) would follow it in the image.
    below = action.target.removeprefix(f"{SYSROOT}/")
    place = action.target if below == action.target else resolve(SYSROOT, below)
    if place != action.target and mounted_at(place) is not None:
        return 0, "", None, place  # by an engine before this one
    what = (action.source, place, action.types, action.options)
    if action.overlay is None:
        status, error = mount_first(*what)
    else:
        status, error = mount_root(*what, action.overlay)
    wanted = status == 0 and action.target == SYSROOT
    return status, error, read_fstab(SYSROOT) if wanted else None, place


def _root_mounts(root: str) -> tuple[tuple[str, str], ...]:
    from initpy.runtime.rootmounts import mount_all  # most roots do not need it

    return mount_all(root)


def _find_init(root: str, asked: str | None) -> tuple[str, str]:
    try:
        return find_init(root, asked)
    except NoInitError as error:
        return "", str(error)
