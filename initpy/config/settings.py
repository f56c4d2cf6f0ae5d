"""The meaning of the command line and crypttab: one `Settings`, and a list of what was wrong.

Parameters of the kernel, of dracut, systemd, Debian and Arch are understood
where they mean the same thing. What is malformed is reported and its default
used: a typing error must not cost the boot.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from initpy.config import crypttab, lvm, networkwords, root
from initpy.config.commandline import Parameter, parse
from initpy.config.declared import NOTHING, Declared, declared
from initpy.config.errors import InputError
from initpy.config.othernames import may_be_ours
from initpy.config.resume import PARAMETERS as RESUME_PARAMETERS
from initpy.config.resume import Wish
from initpy.config.timespan import LIMIT
from initpy.config.volumes import HANDLERS as VOLUME_HANDLERS
from initpy.config.volumes import Volumes
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.jobs.definitions import JobDefinition
from initpy.core.layer import Layer
from initpy.core.settings import BreakPoint, Degraded, Emergency, LayerPolicy, Settings

if TYPE_CHECKING:
    from initpy.config import overlay


@dataclass(slots=True)
class _Draft:
    """Settings in the making: the parameters refine them one by one, the last one wins."""

    settings: Settings
    declared: Declared = NOTHING  # by job files
    problems: list[InputError] = field(default_factory=list)
    volumes: Volumes = field(default_factory=Volumes)
    groups: lvm.Names = field(default_factory=lvm.Names)
    resume: Wish = field(default_factory=Wish)
    overlay: "overlay.Wish | None" = None
    refused: dict[str, str] = field(default_factory=dict)  # parameter -> why root is left alone
    named: dict[Layer, set[str]] = field(default_factory=dict)
    enabled: dict[Layer, bool] = field(default_factory=dict)
    waits: dict[str, float] = field(default_factory=dict)  # parameter -> seconds
    root_given: bool = False
    root_word: Parameter | None = None  # the last root=
    unread_root: InputError | None = None  # what is wrong with it, if it is a device
    network: list[Parameter] = field(default_factory=list)  # of `config.network`
    elsewhere: bool = False  # the root is no block device that is known now
    usr: dict[str, Parameter] = field(default_factory=dict)  # mount.usr= and its companions
    image: dict[str, Parameter] = field(default_factory=dict)  # loop= and its companions
    flags: dict[str, list[Parameter]] = field(default_factory=dict)  # lists of mount options
    writable: bool | None = None  # `ro` or `rw`
    auto: bool = True  # what is not named is assembled, too
    gpt_auto: bool = True  # without root= a partition may say that it is
    told: bool = False  # `rd.info`: `quiet` does not count
    panic: int = 0
    check: dict[str, str] = field(default_factory=dict)  # of file systems: mode, repair
    emergency: Emergency | None = None
    recovery: bool = False

    def set(self, **changes: Any) -> None:
        self.settings = self.settings._replace(**changes)

    def mount(self, **changes: Any) -> None:
        self.set(mount=self.settings.mount._replace(**changes))

    def name(self, layer: Layer, name: str) -> None:
        self.named.setdefault(layer, set()).add(name)


def read_settings(
    command_line: str,
    table: str | None = None,
    table_path: str = "/etc/crypttab",
    defaults: str | None = None,
    jobs: Iterable[JobDefinition] = (),
) -> tuple[Settings, tuple[InputError, ...]]:
    """The settings of `/proc/cmdline`, and of the image's crypttab and DEFAULTS, if there are any.

    The words of DEFAULTS stand before the command line, whose words thus win. The job files of the
    image may declare parameters and forms of root=.
    """
    known = declared(jobs)
    draft = _Draft(Settings(listed_types=known.types), declared=known)
    if table is not None:
        draft.volumes.table, problems = crypttab.parse_crypttab(table_path, table)
        draft.problems.extend(problems)
    before = parse(defaults, DEFAULTS).parameters if defaults else ()
    given = parse(command_line)
    if given.unclosed is not None:
        _unclosed(draft, given.unclosed)
    for parameter in (*before, *given.parameters):
        # The kernel and systemd take "_" and "-" in a parameter's name for the same.
        key = parameter.key.replace("_", "-")
        try:
            # A no-break space before a name is copied from a page: no other root for that.
            draft.root_given |= key.endswith("root") and not key.isascii()
            if not _take(draft, parameter, key) and may_be_ours(key):
                _look_up(draft, parameter, key)
            draft.refused.pop(key, None)
        except InputError as error:
            draft.problems.append(error)
            if error.refuses:
                draft.refused[key] = str(error)
    _finish_network(draft)
    _finish_root(draft)
    _finish_waits(draft)
    _finish_check(draft)
    _finish_emergency(draft)
    if draft.recovery:
        _finish_recovery(draft)
    changes, volume = draft.overlay.finish() if draft.overlay is not None else (None, None)
    draft.set(
        refusal="; ".join(draft.refused.values()),
        overlay=changes,
        volumes=(*draft.volumes.finish(), *filter(None, (volume,))),
        left_out=draft.volumes.left_out(),
        unnamed=draft.volumes.unnamed(),
        resume=draft.resume.finish(),
        quiet=draft.settings.quiet and not draft.told,
        may_resume=not draft.resume.off,
    )
    draft.problems.extend(draft.volumes.problems)
    _finish_layers(draft)
    return draft.settings, tuple(draft.problems)


def _unclosed(draft: _Draft, parameter: Parameter) -> None:
    """Report a quote that is not closed: the value takes in what follows it, root= perhaps."""
    where = f"{parameter.where}: {parameter.key}"
    draft.problems.append(
        InputError(where, "…", "a second quote after it; all to the end is this value")
    )
    draft.root_given = draft.root_given or " root=" in (parameter.value or parameter.key)


# In the image: parameters that the build took from this machine's configuration.
DEFAULTS = "/etc/initpy/parameters"
EMERGENCY_DELAY = 10.0  # seconds to read the reason


# Compiled when they are needed: most command lines have neither.
ARRAY_UUID = "[0-9a-fA-F]{32}"


def _look_up(draft: _Draft, parameter: Parameter, key: str) -> None:
    """Say what is to be said of a parameter that may be for an initramfs and that nothing reads."""
    from initpy.config import parametertable  # few command lines have such

    if (today := parametertable.renamed(parameter, key)) is not None:
        if not _take(draft, today, today.key):
            _look_up(draft, today, today.key)
        return
    error = parametertable.complaint(parameter, key, known_names())
    if error is not None:
        raise error


def known_names() -> Iterator[str]:
    """The parameters that are understood, with `-` for `_`."""
    yield from HANDLERS
    yield from VOLUME_HANDLERS
    yield from lvm.PARAMETERS
    yield from RESUME_PARAMETERS


def _take(draft: _Draft, parameter: Parameter, key: str) -> bool:
    """Take a parameter that is understood; False if it is not."""
    if (handler := HANDLERS.get(key)) is not None:
        handler(draft, parameter)
    elif (refine := VOLUME_HANDLERS.get(key)) is not None:
        refine(draft.volumes, parameter)
    elif (take := lvm.PARAMETERS.get(key)) is not None:
        take(draft.groups, parameter)
    elif (wish := RESUME_PARAMETERS.get(key)) is not None:
        wish(draft.resume, parameter)
    elif not _take_declared(draft, parameter, key):
        return False
    return True


def _take_declared(draft: _Draft, parameter: Parameter, key: str) -> bool:
    """Take a parameter that a job file declares; False if none does."""
    chosen = draft.settings
    if (name := draft.declared.on.get(key)) is not None:
        others = chosen.switched_on - {name}
        draft.set(switched_on=others | {name} if parameter.flag() else others)
    elif (name := draft.declared.off.get(key)) is not None:
        draft.set(switched_off=chosen.switched_off | {name})  # where it is no flag, too
        if parameter.flag():
            draft.set(switched_off=chosen.switched_off - {name})
    elif (name := draft.declared.seconds.get(key)) is not None:
        draft.set(patience={**chosen.patience, name: parameter.seconds()})
    else:
        return False
    return True


def _root(draft: _Draft, parameter: Parameter) -> None:
    draft.root_given, draft.root_word, draft.unread_root = True, parameter, None
    draft.elsewhere = networkwords.names_root(parameter.value or "")
    if draft.elsewhere:
        draft.network.append(parameter)
        draft.set(root=None)
        return
    try:
        draft.set(root=root.device(parameter, draft.declared.forms))
    except InputError as error:
        draft.unread_root = error  # rootfstype= may make it the tag of a share
        draft.set(root=None)  # an earlier one does not make up for one that is mistyped


def _boot(draft: _Draft, parameter: Parameter) -> None:
    """`boot=` of initramfs-tools: which of its scripts mounts the root."""
    if parameter.value == "nfs":
        draft.root_given, draft.elsewhere = True, True
        draft.network.append(parameter)
        draft.set(root=None)
    else:
        _look_up(draft, parameter, "boot")


def _network(draft: _Draft, parameter: Parameter) -> None:
    draft.network.append(parameter)


def _finish_network(draft: _Draft) -> None:
    """What the command line asks of the network, and the root if it is there."""
    word = draft.root_word
    share = ""
    if word is not None and not draft.elsewhere:
        share = networkwords.share(draft.settings.mount.types, word.value or "")
    if draft.unread_root is not None and not share:
        draft.problems.append(draft.unread_root)
    if not share and not any(each.key not in networkwords.PASSIVE for each in draft.network):
        return
    from initpy.config.network import wish  # few boots need a network

    asked = wish.Wish()
    flags, _ = root.joined(draft.flags.get("rootflags", ()))
    for parameter in draft.network:
        asked.take(parameter)
    if share and word is not None:
        asked.take_typed(word, share, flags)
    types = draft.settings.mount.types
    found = asked.finish(None if share else draft.settings.root, types, flags)
    draft.problems.extend(found.problems)
    draft.set(network=found.network)
    if found.elsewhere or found.device is not None:
        draft.root_given = True
        draft.set(root=found.device)
    draft.mount(
        types=types or found.types,
        flags=found.flags,
        writable=bool(found.writable),
    )


def _overlay(draft: _Draft, parameter: Parameter) -> None:
    from initpy.config import overlay  # few boots keep root unchanged

    draft.overlay = draft.overlay or overlay.Wish()
    overlay.PARAMETERS[parameter.key.replace("_", "-")](draft.overlay, parameter)


def _keymap(draft: _Draft, parameter: Parameter) -> None:
    from initpy.config.keyboard import keymap  # rare

    draft.set(keymap=keymap(parameter))


def _gpt_auto(draft: _Draft, parameter: Parameter) -> None:
    draft.gpt_auto = parameter.flag()


def _usr(draft: _Draft, parameter: Parameter) -> None:
    draft.usr[parameter.key] = parameter


def _flags(draft: _Draft, parameter: Parameter) -> None:
    parameter.text("mount options")
    draft.flags.setdefault(parameter.key, []).append(parameter)


def _image(draft: _Draft, parameter: Parameter) -> None:
    draft.image[parameter.key] = parameter


def _finish_root(draft: _Draft) -> None:
    """Without root= a partition may say that it is (systemd-gpt-auto-generator(8)).

    One that was mistyped is not made up for: another root than the one meant is worse than none.
    """
    for key, given in draft.flags.items():
        flags, note = root.joined(given)
        _take_limit(draft, key, flags)
        if key == "rootflags":
            draft.mount(flags=(*draft.settings.mount.flags, *flags))
        else:
            draft.usr[key] = Parameter(key, ",".join(flags))
        draft.problems.extend(filter(None, (note,)))
    draft.set(mount=root.writable(draft.settings.mount, draft.writable))
    if not draft.root_given and draft.gpt_auto:
        draft.set(root=DeviceSpec(Naming.GPT_AUTO, ""))
    root_device = draft.settings.root
    if root_device is None:
        return
    try:
        if "loop" in draft.image:
            image, mount = root.image(draft.image, root_device, draft.settings.mount)
            root_device = root.LOOP
            draft.set(root=root_device, image=image, mount=mount)
        draft.set(usr=root.usr(draft.usr, root_device))
    except InputError as error:
        draft.problems.append(error)


def _take_limit(draft: _Draft, key: str, flags: Iterable[str]) -> None:
    """Take the time that a device may take, an option for systemd (systemd.mount(5))."""
    for option, _, value in (each.partition("=") for each in flags):
        if option == LIMIT:
            try:
                seconds = Parameter(f"{key}={LIMIT}", value).seconds(for_ever=0.0)
            except InputError as error:
                draft.problems.append(error)
            else:
                draft.waits[key] = seconds


def _check(key: str, **words: str) -> Callable[[_Draft, Parameter], None]:
    """fsck.mode= and fsck.repair= (systemd-fsck@.service(8)), and older words for the same."""

    def handler(draft: _Draft, parameter: Parameter) -> None:
        if parameter.value not in words:
            # What was meant may be less than the default does: nothing is repaired, or checked.
            draft.check[key] = "skip" if key == "mode" else "-n"
            raise parameter.error(" or ".join(words))
        draft.check[key] = words[parameter.value]

    return handler


def _short(key: str, word: str) -> Callable[[_Draft, Parameter], None]:
    def handler(draft: _Draft, _: Parameter) -> None:
        draft.check[key] = word

    return handler


def _finish_check(draft: _Draft) -> None:
    if draft.check:
        mode, repair = draft.check.get("mode", ""), draft.check.get("repair", "-a")
        words = (repair, "-f") if mode == "force" else (repair,)
        draft.set(check=None if mode == "skip" else words)


def _wait(draft: _Draft, parameter: Parameter) -> None:
    if parameter.key == "rootwait" and parameter.value is None:
        draft.waits[parameter.key] = 0.0  # the kernel's rootwait: indefinitely
    else:
        draft.waits[parameter.key] = parameter.seconds(for_ever=0.0)


def _finish_waits(draft: _Draft) -> None:
    """The longest of the waits that were asked for counts; 0 stands for "for ever"."""
    waits = draft.waits.values()
    if waits:
        draft.set(root_wait=None if 0.0 in waits else max(waits))


def _panic(draft: _Draft, parameter: Parameter) -> None:
    draft.panic = parameter.integer()


def _emergency(draft: _Draft, parameter: Parameter) -> None:
    if parameter.value not in ("reboot", "poweroff", "halt"):
        raise parameter.error("reboot, poweroff or halt")
    draft.emergency = Emergency(parameter.value)


def _finish_emergency(draft: _Draft) -> None:
    """`panic=` says when, `rd.emergency=` what; with either there is no shell.

    A machine set to reboot on panic must not offer a shell instead (Debian's rule).
    """
    how = draft.emergency or (Emergency.REBOOT if draft.panic else None)
    if how is not None:
        delay = float(max(draft.panic, 0)) if draft.panic else EMERGENCY_DELAY
        draft.set(emergency=how, emergency_delay=delay, shell=False)


def _recovery(draft: _Draft, parameter: Parameter) -> None:
    draft.recovery = parameter.flag()


def _finish_recovery(draft: _Draft) -> None:
    """The boot ends in a shell, whatever the rest of the command line says: other entries share it.

    Nothing is checked, mounted or restarted by itself.
    """
    breaks = draft.settings.breaks | {BreakPoint.MOUNT}
    draft.set(breaks=breaks, check=None, shell=True, counting=None, may_count=False)
    draft.set(emergency=Emergency.WAIT, emergency_delay=0.0)


def _tries(draft: _Draft, parameter: Parameter) -> None:
    from initpy.config.counting import tries  # rare

    counting = tries(parameter)
    draft.set(counting=counting, may_count=not parameter.value)


def _break(draft: _Draft, parameter: Parameter) -> None:
    from initpy.config.breakpoints import break_points  # rare

    try:
        points = break_points(parameter)
    except InputError:
        # A point is meant that no other initramfs has: nothing is mounted unasked.
        draft.set(breaks=draft.settings.breaks | {BreakPoint.MOUNT})
        raise
    draft.set(breaks=draft.settings.breaks | points)


def _degraded(draft: _Draft, parameter: Parameter) -> None:
    try:
        draft.set(md_degraded=Degraded(parameter.value))
    except ValueError:
        draft.set(md_degraded=Degraded.NO)  # a start without members writes to the others
        raise parameter.error("yes, no or ask") from None


def _boot_degraded(draft: _Draft, parameter: Parameter) -> None:
    draft.set(md_degraded=Degraded.NO)  # where it is no flag, too
    draft.set(md_degraded=Degraded.YES if parameter.flag() else Degraded.NO)


def _enable(layer: Layer) -> Callable[[_Draft, Parameter], None]:
    def handler(draft: _Draft, parameter: Parameter) -> None:
        if layer is Layer.MD:
            draft.enabled[layer] = False  # where it is no flag, too: arrays are written to
        draft.enabled[layer] = parameter.flag()

    return handler


def _switch(*names: str) -> Callable[[_Draft, Parameter], None]:
    """A parameter that is on unless it is 0; or, with names, one that switches those off."""

    def handler(draft: _Draft, parameter: Parameter) -> None:
        off = draft.settings.switched_off
        keys = names or (parameter.key,)
        draft.set(switched_off=off.union(keys))  # where it is no flag, too
        on = parameter.flag() != bool(names)
        draft.set(switched_off=off.difference(keys) if on else off.union(keys))

    return handler


def _array(draft: _Draft, parameter: Parameter) -> None:
    # Every tool punctuates it in its own way. One that is wrong would switch off all arrays.
    expected = "the UUID of an array, 32 hexadecimal digits"
    uuid = parameter.text(expected)
    if not re.fullmatch(ARRAY_UUID, uuid.replace(":", "").replace("-", "")):
        raise parameter.error(expected)
    draft.name(Layer.MD, uuid)


def _finish_layers(draft: _Draft) -> None:
    parameters = {Layer.MD: "rd.md.uuid=", Layer.LVM: "rd.lvm.vg=", Layer.LUKS: "rd.luks.uuid="}
    names, chosen = draft.groups, draft.settings  # without LVM's policy
    below = chosen.image.host if chosen.image is not None else chosen.root
    hibernated = chosen.resume.source if chosen.resume is not None else None
    draft.set(lvm=names.policy(below, chosen.volumes, hibernated))
    chosen = draft.settings
    draft.named[Layer.LVM] = names.named(chosen.lvm.hinted)
    policies = {}
    for layer, parameter in parameters.items():
        enabled = draft.enabled.get(layer, True)
        named = frozenset(draft.named.get(layer, ()))
        by = parameter if enabled else f"rd.{layer.value}=0"
        if not draft.auto and not named:
            # Only what is named, and that is nothing; encrypted volumes have a list of their own.
            named = chosen.lvm.hinted if layer is Layer.LVM else frozenset()
            named = named or frozenset(("",))
            by += " (rd.auto=0 leaves out all others)"
            if layer is Layer.LUKS:
                enabled = enabled and any(not each.beside for each in chosen.volumes)
                named = frozenset()
        policies[layer] = LayerPolicy(enabled, named, by)
    draft.set(layers=policies)


# Of `overlay`, which is imported when one of them is there; a test compares them.
OVERLAY = (
    "rd.overlay", "rd.overlay.crypt", "rd.overlay.readonly", "rd.overlay.reset", "rd.live.overlay",
    "rd.live.overlay.overlayfs", "rd.live.overlay.readonly", "rd.live.overlayfs.readonly",
    "rd.live.overlay.reset", "overlayroot", "systemd.volatile",
)  # fmt: skip

# Of `keyboard`, likewise.
KEYMAPS = ("rd.vconsole.keymap", "vconsole.keymap", "KEYMAP", "KEYTABLE", "keymap")

HANDLERS: dict[str, Callable[[_Draft, Parameter], None]] = {
    **dict.fromkeys(OVERLAY, _overlay),
    **dict.fromkeys(KEYMAPS, _keymap),
    **dict.fromkeys(networkwords.PARAMETERS, _network),
    "boot": _boot,
    "root": _root,
    "rootfstype": lambda draft, p: draft.mount(
        types=tuple(
            each for each in p.text("file system types").split(",") if each not in ("", "auto")
        )
    ),
    "rootflags": _flags,
    "ro": lambda draft, p: setattr(draft, "writable", False),
    "rw": lambda draft, p: setattr(draft, "writable", True),
    "loop": _image,
    "loopfstype": _image,
    "loopflags": _image,
    "mount.usr": _usr,
    "mount.usrfstype": _usr,
    "mount.usrflags": _flags,
    "fsck.mode": _check("mode", auto="", force="force", skip="skip"),
    "fsck.repair": _check("repair", preen="-a", yes="-y", no="-n"),
    "fastboot": _short("mode", "skip"),
    "forcefsck": _short("mode", "force"),
    "fsckfix": _short("repair", "-y"),
    "rd.skipfsck": _short("mode", "skip"),
    "rd.auto": lambda draft, p: setattr(draft, "auto", p.flag()),
    "systemd.gpt-auto": _gpt_auto,
    "rd.systemd.gpt-auto": _gpt_auto,
    "rd.fstab": lambda draft, p: draft.set(fstab=p.flag()),
    "fstab": lambda draft, p: draft.set(fstab=p.flag()),
    "init": lambda draft, p: draft.set(init=_absolute(p)),
    "rootwait": _wait,
    "rootdelay": _wait,
    "rd.timeout": _wait,
    "rd.retry": _wait,
    "panic": _panic,
    "rd.emergency": _emergency,
    "initpy.tries": _tries,
    "initpy.recovery": _recovery,
    "rd.shell": lambda draft, p: draft.set(shell=p.flag()),
    "break": _break,
    "rd.break": _break,
    "rd.systemd.break": _break,
    "quiet": lambda draft, p: draft.set(quiet=True),
    "debug": lambda draft, p: draft.set(debug=True),
    "rd.info": lambda draft, p: setattr(draft, "told", p.flag()),
    "rd.debug": lambda draft, p: draft.set(debug=p.flag()),
    "rd.md": _enable(Layer.MD),
    "rd.md.uuid": _array,
    "rd.md.conf": _switch(),
    "rd.md.imsm": _switch(),
    "rd.md.ddf": _switch(),
    # The words for the same that udev's rules read.
    "noiswmd": _switch("rd.md.imsm"),
    "nodmraid": _switch("rd.md.imsm", "rd.md.ddf"),
    "rd.md.timeout": lambda draft, p: draft.set(md_timeout=p.seconds()),
    "rd.md.degraded": _degraded,
    "bootdegraded": _boot_degraded,
    "rd.lvm": _enable(Layer.LVM),
    "luks": _enable(Layer.LUKS),
    "rd.luks": _enable(Layer.LUKS),
}


def _absolute(parameter: Parameter) -> str:
    path = parameter.text("an absolute path")
    if not path.startswith("/"):
        raise parameter.error("an absolute path")
    return path
