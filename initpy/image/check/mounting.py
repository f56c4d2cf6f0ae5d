"""Judges what the command line says of mounts: options of root, an overlay, a file, /usr, resume.

`check` has seen what is mounted and attached now. What the next boot mounts otherwise, it cannot
know, unless the described system tells.
"""

from collections.abc import Iterator

from initpy.config.commandline import parse
from initpy.core.devices.names import DeviceSpec
from initpy.core.settings import Settings
from initpy.image.check import mountoptions
from initpy.image.check.drivers import Drivers
from initpy.image.check.proof import Row, Verdict
from initpy.image.stack.layers import (
    DEFAULT_SUBVOLUME,
    FLAGS,
    POOLED,
    SUBVOLUMES,
    TYPES,
    Ask,
    Kind,
    Layer,
    Stack,
)
from initpy.image.stack.names import is_named

TITLE = "the command line"
BTRFS_ONLY = ("subvol", "subvolid")
LIST = "Run `btrfs subvolume list /`"
FLAGS_OF = "rootflags"
TOP_LEVEL = "5"  # BTRFS_FS_TREE_OBJECTID
EXT = "ext"
OVERLAY = Ask(("fs-overlay", "overlay"), "file system overlay")


def rows(settings: Settings, stack: Stack, root: Layer | None, drivers: Drivers) -> Iterator[Row]:
    """Yield the rows about mounts; `root` is the file system of the described root."""
    if settings.refusal:
        reason = f"root is left alone: {settings.refusal}"
        yield Row(TITLE, "the root's protection", Verdict.MISSING, reason)
    if root is not None:
        yield from _type(settings, root)
        if settings.image is None:
            yield from _flags(settings, root)
            yield from _options("rootflags=", settings.mount.flags, stack, root, drivers)
        yield from _file(settings, stack, root)
    yield from _overlay(settings, stack, drivers)
    for each in map(stack.layer, stack.tops):
        if (point := each.fact("mounted")) and each is not root:
            yield from _other(settings, stack, each, point, drivers)
    if settings.usr is not None and not any(
        stack.layer(each).fact("mounted") == "/usr" for each in stack.tops
    ):
        yield _present("mount.usr=", settings.usr.source, stack, Verdict.UNKNOWN, "/usr is on root")
    resume = settings.resume
    if resume is not None and not (resume.default or resume.source.relative):  # which is root
        why = f"root waits for it for {resume.seconds or 0:g} s"
        yield _present("resume=", resume.source, stack, Verdict.WARNING, why)


def _type(settings: Settings, root: Layer) -> Iterator[Row]:
    mount, kind = settings.mount, root.fact("type")
    if settings.network is not None and settings.network.root is not None:
        return  # the server's version of NFS is found out
    if settings.image is None and (verdict := _fits(kind, mount.types)) is not Verdict.OK:
        reason = f"rootfstype={','.join(mount.types)}, but root is {kind}"
        yield Row(TITLE, "rootfstype=", verdict, reason)


def _fits(kind: str, types: tuple[str, ...]) -> Verdict:
    """Judge types for a mount of a file system."""
    if not types or not kind or kind in types:
        return Verdict.OK
    # One driver mounts all of ext2 to ext4, as far as their features allow.
    both = kind.startswith(EXT) and any(each.startswith(EXT) for each in types)
    return Verdict.WARNING if both else Verdict.MISSING


def _other(
    settings: Settings, stack: Stack, top: Layer, point: str, drivers: Drivers
) -> Iterator[Row]:
    """Judge the type and the subvolume that fstab or mount.usr… give a mount besides root."""
    usr = settings.usr if point == "/usr" else None
    by, types = "fstab", tuple(filter(None, top.fact(TYPES).split(",")))
    flags = tuple(top.fact(FLAGS).split(","))
    if usr is not None:
        by, types, flags = "mount.usrfstype=", usr.types or types, usr.flags or flags
    yield from _options(f"the options of {point}", flags, stack, top, drivers)
    kind = top.fact("type")
    if (verdict := _fits(kind, types)) is not Verdict.OK:
        reason = f"{by} says {','.join(types)}, but it is {kind}"
        yield Row(TITLE, f"the type of {point}", verdict, reason)
    name = dict(each.partition("=")[::2] for each in flags).get("subvol")
    here = top.fact("subvolume").strip("/")
    if kind == "btrfs" and name is not None and name.strip("/") != here:
        reason = (
            f"cannot know whether there is a subvolume {name}; it is {here or '/'} now. Run `btrfs "
            f"subvolume list {point}`"
        )
        yield Row(TITLE, f"the subvolume of {point}", Verdict.UNKNOWN, reason)


def _flags(settings: Settings, root: Layer) -> Iterator[Row]:
    """Judge the subvolume that rootflags= chooses, or that nothing does."""
    given = dict(each.partition("=")[::2] for each in settings.mount.flags)
    name, number = given.get("subvol"), given.get("subvolid")
    kind = root.fact("type")
    if kind != "btrfs":
        if kind and (name is not None or number is not None):
            reason = f"{kind} has no subvolumes: the mount fails"
            yield Row(TITLE, "rootflags=", Verdict.MISSING, reason)
        return
    now = dict(each.partition("=")[::2] for each in root.fact("options").split(","))
    here = root.fact("subvolume").strip("/")
    shown = f"/{here}" if here else "the top level"
    if name is not None:
        if name.strip("/") != here:
            yield _elsewhere(root, name, shown)
        return
    if number is not None:
        if int(number, 0) == 0 if number.isdigit() else False:
            number = TOP_LEVEL
        if now.get("subvolid") not in (None, number):
            reason = f"subvolid={number}; root is {shown} now (subvolid={now['subvolid']})"
            yield Row(
                TITLE, "rootflags=", Verdict.UNKNOWN, f"cannot know what is on {reason}. {LIST}"
            )
        return
    yield from _default(root, here, shown)


def _options(
    need: str, flags: tuple[str, ...], stack: Stack, top: Layer, drivers: Drivers
) -> Iterator[Row]:
    """Judge options of a mount that the running system's has not, by the words of its driver."""
    kind = top.fact("type")
    devices = [each for each in top.on if each.startswith("block:")]
    if not kind or not devices or not flags or top.fact(POOLED):
        return  # on a server, or mounted by a program of its own
    shown = (*top.fact("options").split(","), *BTRFS_ONLY)  # which are judged otherwise
    driver = next(
        (found for each in top.asks for name in each.names if (found := drivers.content(name))),
        None,
    )
    lost = mountoptions.unknown(flags, driver or b"", (*shown, *_booted_with(stack, top)))
    if lost and driver is not None:
        reason = f"the driver of {kind} has no option {', '.join(lost)}: the mount fails"
        yield Row(TITLE, need, Verdict.MISSING, reason)
    elif lost:
        reason = (
            f"cannot know whether {kind} has an option {', '.join(lost)}, since no module of it is "
            "in the image: mount it so once"
        )
        yield Row(TITLE, need, Verdict.UNKNOWN, reason)


def _booted_with(stack: Stack, top: Layer) -> tuple[str, ...]:
    """Return the options of root that the running system has booted with."""
    if ("INITPY_ROLE", "root") not in top.properties:
        return ()
    given = [each.value or "" for each in parse(stack.cmdline).parameters if each.key == FLAGS_OF]
    return tuple(option for each in given for option in each.split(","))


def _elsewhere(root: Layer, name: str, shown: str) -> Row:
    """Return the row for another subvolume than the mounted one."""
    known = root.fact(SUBVOLUMES).split("\n")
    if f"/{name.strip('/')}" in known or not name.strip("/"):
        reason = f"rootflags= mounts {name}; root is {shown} now"
        return Row(TITLE, "rootflags=", Verdict.WARNING, reason)
    reason = f"cannot know whether there is a subvolume {name}; root is {shown} now. {LIST}"
    return Row(TITLE, "rootflags=", Verdict.UNKNOWN, reason)


def _default(root: Layer, here: str, shown: str) -> Iterator[Row]:
    """Judge a boot that mounts the default subvolume."""
    default = root.fact(DEFAULT_SUBVOLUME)
    if not default:
        reason = (
            f"cannot know: without subvol= the boot mounts the default subvolume, which btrfs did "
            f"not tell here; root is {shown} now: add rootflags=subvol={here or '/'}"
        )
        yield Row(TITLE, "rootflags=", Verdict.UNKNOWN, reason)
    elif default.strip("/") == here:
        yield Row(TITLE, "rootflags=", Verdict.OK, f"{shown} is the default subvolume")
    elif default == "/":
        reason = (
            f"without subvol= the boot mounts the top level, and root is {shown}: add "
            f"rootflags=subvol={here}"
        )
        yield Row(TITLE, "rootflags=", Verdict.MISSING, reason)
    else:  # as after a rollback, which the next boot makes the root
        reason = f"the boot mounts the default subvolume, {default}; root is {shown} now"
        yield Row(TITLE, "rootflags=", Verdict.WARNING, reason)


def _file(settings: Settings, stack: Stack, root: Layer) -> Iterator[Row]:
    in_file = any(stack.layer(each).kind is Kind.LOOP for each in _all_below(stack, root))
    if settings.image is not None and not in_file and root.on:
        reason = (
            f"root is not in a file now: cannot know whether {settings.image.path} is there. Mount "
            f"{settings.image.host}, and look"
        )
        yield Row(TITLE, "loop=", Verdict.UNKNOWN, reason)


def _overlay(settings: Settings, stack: Stack, drivers: Drivers) -> Iterator[Row]:
    changes = settings.overlay
    if changes is None:
        return
    layer = Layer("overlay", Kind.FILESYSTEM, changes.by, asks=(OVERLAY,))
    yield from drivers.rows(layer)
    source = changes.encrypted or changes.source
    if source is not None:
        why = "without it the boot fails: changes would be lost"
        yield _present(changes.by, source, stack, Verdict.UNKNOWN, why)


def _present(need: str, spec: DeviceSpec, stack: Stack, absent: Verdict, why: str) -> Row:
    """Return the row for a device that is not root's."""
    if any(is_named(spec, each) for each in stack.layers if each.identity.startswith("block:")):
        return Row(TITLE, need, Verdict.OK, str(spec))
    reason = (
        f"cannot know what {spec} is, or whether it is there; {why}. Attach it, and check again"
    )
    return Row(TITLE, need, absent, reason)


def _all_below(stack: Stack, layer: Layer) -> Iterator[str]:
    waiting = [*layer.on]
    while waiting:
        identity = waiting.pop()
        yield identity
        waiting += stack.layer(identity).on
