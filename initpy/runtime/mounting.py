"""Mount, and read files of the root, in child processes: prompt and deadlines go on meanwhile."""

import asyncio
import errno
from collections.abc import Callable, Container, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from initpy.config.errors import InputError
from initpy.core.actions import Mount, Stop
from initpy.core.settings import ExtraMount, OtherCheck, Settings
from initpy.core.state.goals import SYSROOT
from initpy.core.tuples import NamedTuple
from initpy.runtime.aside import Aside, answered_within
from initpy.runtime.handover import NoInitError, awaits_checks, find_init, resolve
from initpy.runtime.mounts import extra_mounts, mount_first, mounted_at, read_fstab
from initpy.runtime.processes import KILL_AFTER, end_kernel_helpers

if TYPE_CHECKING:  # most boots have no network
    from initpy.core.network.linkfiles import LinkFile

ROOT_MOUNTS_SECONDS = 60.0
FSTAB_SECONDS = 10.0  # for the fstab of a root that an earlier engine has mounted
# A server may pause for a while at the handover.
NOTICE_SECONDS, MOST_NOTICES = 10.0, 6
ROOT = "the root file system"


class Root(NamedTuple):
    """What a mounted root tells: its fstab, and whether its init awaits checks that go on.

    `link_files`: files of its networkd, none if the boot has no network.
    """

    fstab: str | None = None
    continues: bool | None = None  # None: not looked for, since nothing is checked
    link_files: "tuple[LinkFile, ...]" = ()


NONE = Root()


def _root(values: Sequence[Any]) -> Root:
    """Return what a child has told."""
    fstab, continues, files = values
    if files:
        from initpy.core.network.linkfiles import file_of  # most boots have no network

        files = tuple(map(file_of, files))
    return Root(fstab, continues, tuple(files))


class Mounted(NamedTuple):
    """The result of a mount: 0 or an errno, its meaning, what the root tells, the real place."""

    status: int
    error: str
    root: Root = NONE
    place: str = ""


class Mounter:
    """Carries out `Mount`, and reads from the root what the handover needs."""

    def __init__(self, aside: Aside, settings: Settings) -> None:
        self._aside = aside
        checks, network = bool(settings.other_checks), settings.network is not None
        self._look = partial(_look, settings.init, checks, network)
        self._loop = asyncio.get_running_loop()

    async def mount(self, action: Mount) -> Mounted:
        """Mount, however long it takes."""
        work = partial(_mount, action, self._look)
        answer = await self._aside.ask(_key(action.job, action.run), work)
        if answer.error:
            return Mounted(errno.EINTR, answer.error)
        status, error, found, place = answer.value
        return Mounted(status, error, _root(found), place)

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

    async def look(self) -> tuple[Root, str]:
        """Return what a root tells that is mounted already, or why it is not known."""
        answer = self._aside.ask("fstab", self._look, FSTAB_SECONDS)
        if not await answered_within(FSTAB_SECONDS, answer):
            return NONE, f"{ROOT}: its fstab could not be read within {FSTAB_SECONDS:.0f} s"
        return _root(answer.result().value or NONE), ""

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
    root: Root, complain: Callable[[InputError], None], listed: Container[str] = ()
) -> tuple[tuple[ExtraMount, ...], tuple[OtherCheck, ...]]:
    """Return what the root's fstab wants mounted below it, and what it has checked besides."""
    if root.fstab is None:
        return (), ()
    checks: tuple[OtherCheck, ...] = ()
    if root.continues is not None:
        from initpy.config.fstab import parse_checks  # few images have an fstab

        checks = parse_checks(root.fstab)
    return extra_mounts(root.fstab, complain, listed), checks


def _key(job: str, run: int) -> str:
    return f"mount {job} {run}"


# In a child


def _look(init: str | None, checks: bool, network: bool) -> Root:
    root = Root(read_fstab(SYSROOT), awaits_checks(SYSROOT, init) if checks else None)
    if not network:
        return root
    from initpy.runtime.net import linkfiles  # most roots are on disks

    return root._replace(link_files=linkfiles.read(SYSROOT))


def _mount(action: Mount, look: Callable[[], object]) -> tuple[int, str, object, str]:
    # A link in the new root is followed within it; mount(2) would follow it in the image.
    below = action.target.removeprefix(f"{SYSROOT}/")
    place = action.target if below == action.target else resolve(SYSROOT, below)
    if place != action.target and mounted_at(place) is not None:
        return 0, "", NONE, place  # by an engine before this one
    what = (action.source, place, action.types, action.options)
    if action.overlay is None:
        status, error = mount_first(*what)
    else:
        from initpy.runtime.overlays import mount_root  # few boots need it

        status, error = mount_root(*what, action.overlay)
    wanted = status == 0 and action.target == SYSROOT
    return status, error, look() if wanted else NONE, place


def _root_mounts(root: str) -> tuple[tuple[str, str], ...]:
    from initpy.runtime.rootmounts import mount_all  # most roots do not need it

    return mount_all(root)


def _find_init(root: str, asked: str | None) -> tuple[str, str]:
    try:
        return find_init(root, asked)
    except NoInitError as error:
        return "", str(error)
