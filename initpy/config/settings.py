"""The meaning of the command line and crypttab: one `Settings`, and a list of what was wrong.

Parameters of the kernel, of dracut, systemd, Debian and Arch are understood
where they mean the same thing. What is malformed is reported and its default
used: a typing error must not cost the boot.
"""

from collections.abc import Callable, Iterable, Iterator

from initpy.config import checks, crypttab, ending, layers, lvm, networkwords, root
from initpy.config.commandline import Parameter, parse
from initpy.config.declared import declared
from initpy.config.draft import Draft
from initpy.config.errors import InputError
from initpy.config.othernames import may_be_ours
from initpy.config.resume import PARAMETERS as RESUME_PARAMETERS
from initpy.config.timespan import LIMIT
from initpy.config.volumes import HANDLERS as VOLUME_HANDLERS
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.jobs.definitions import JobDefinition
from initpy.core.settings import Overlay, Resume, Settings
from initpy.core.volumes import VolumeSpec


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
    draft = Draft(Settings(listed_types=known.types), declared=known)
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
            if key in draft.declared.instead:
                draft.instead = [each for each in draft.instead if each.key != parameter.key]
                draft.instead.append(parameter)  # of several the last counts
            if not _take(draft, parameter, key) and may_be_ours(key):
                _look_up(draft, parameter, key)
            draft.refused.pop(key, None)
        except InputError as error:
            draft.problems.append(error)
            if error.refuses:
                draft.refused[key] = str(error)
    if draft.boots_pool and not draft.root_given and not draft.instead:
        _root(draft, Parameter("root", "zfs:AUTO"))
    _finish_network(draft)
    _finish_root(draft)
    _finish_protection(draft)
    checks.finish(draft)
    ending.finish(draft)
    changes, volume = _finish_overlay(draft)
    draft.set(
        refusal="; ".join(draft.refused.values()),
        overlay=changes,
        volumes=(*draft.volumes.finish(), *filter(None, (volume,))),
        left_out=draft.volumes.left_out(),
        unnamed=draft.volumes.unnamed(),
        resume=_resume(draft),
        quiet=draft.settings.quiet and not draft.told,
        may_resume=not draft.resume.off,
    )
    ending.extend(draft)
    draft.problems.extend(draft.volumes.problems)
    layers.finish(draft)
    if draft.root_given and draft.settings.root is None:
        wrong = [each for each in draft.problems if each.where.endswith(ROOTS)]
        wrong = wrong or [*filter(None, (draft.named_elsewhere,))]
        draft.set(unread=str(wrong[-1]) if wrong else "")
    return draft.settings, tuple(draft.problems)


def _resume(draft: Draft) -> Resume | None:
    try:
        return draft.resume.finish(draft.settings.root)
    except InputError as error:
        draft.problems.append(error)
        return None


def _unclosed(draft: Draft, parameter: Parameter) -> None:
    """Report a quote that is not closed: the value takes in what follows it, root= perhaps."""
    where = f"{parameter.where}: {parameter.key}"
    draft.problems.append(
        InputError(where, "…", "a second quote after it; all to the end is this value")
    )
    draft.root_given = draft.root_given or " root=" in (parameter.value or parameter.key)


# In the image: parameters that the build took from this machine's configuration.
DEFAULTS = "/etc/initpy/parameters"


# The parameters that name root, in errors.
ROOTS = (": root", ": netroot", ": nfsroot", ": nbdroot", ": iscsiroot")


def _look_up(draft: Draft, parameter: Parameter, key: str) -> None:
    """Say what is to be said of a parameter that may be for an initramfs and that nothing reads."""
    from initpy.config import parametertable  # few command lines have such

    if (today := parametertable.renamed(parameter, key)) is not None:
        if not _take(draft, today, today.key):
            _look_up(draft, today, today.key)
        return
    error = parametertable.complaint(parameter, key, known_names())
    if error is not None:
        if isinstance(error, parametertable.NotSupportedError) and error.names_root:
            draft.root_given, draft.named_elsewhere = True, error
        raise error


def known_names() -> Iterator[str]:
    """The parameters that are understood, with `-` for `_`."""
    yield from HANDLERS
    yield from VOLUME_HANDLERS
    yield from lvm.PARAMETERS
    yield from RESUME_PARAMETERS


def _take(draft: Draft, parameter: Parameter, key: str) -> bool:
    """Take a parameter that is understood; False if it is not."""
    if (handler := HANDLERS.get(key)) is not None:
        handler(draft, parameter)
    elif (refine := VOLUME_HANDLERS.get(key)) is not None:
        refine(draft.volumes, parameter)
    elif (take := lvm.PARAMETERS.get(key)) is not None:
        take(draft.groups, parameter)
    elif (wish := RESUME_PARAMETERS.get(key)) is not None:
        wish(draft.resume, parameter)
    elif not draft.take_declared(parameter, key):
        return False
    return True


def _root(draft: Draft, parameter: Parameter) -> None:
    if parameter.value is None:
        draft.root_given = True  # no other one is looked for, but an earlier one counts
        raise parameter.error(f"{root.ROOT_EXPECTED}; it is ignored")
    draft.root_given, draft.root_word, draft.unread_root = True, parameter, None
    # Of several the last counts. A target of an earlier one stays: Debian's open-iscsi documents
    # root=iscsi:… for the disk that the next root= is on.
    draft.network = [each for each in draft.network if not networkwords.is_mounted(each)]
    draft.elsewhere = networkwords.names_root(parameter.value or "")
    if draft.elsewhere:
        draft.network.append(parameter)
        draft.set(root=None)
        return
    try:
        draft.set(root=root.device(parameter, draft.declared.forms))
        draft.problems.extend(filter(None, (root.unreached(parameter),)))
    except InputError as error:
        draft.unread_root = error  # rootfstype= may make it the tag of a share
        draft.set(root=None)  # an earlier one does not make up for one that is mistyped


def _boot(draft: Draft, parameter: Parameter) -> None:
    """`boot=` of initramfs-tools: which of its scripts mounts the root."""
    draft.boots_pool = parameter.value == "zfs"  # zfs-initramfs
    if parameter.value == "nfs":
        draft.root_given, draft.elsewhere = True, True
        draft.network.append(parameter)
        draft.set(root=None)
    elif parameter.value not in draft.declared.types:  # of a job file
        _look_up(draft, parameter, "boot")


def _network(draft: Draft, parameter: Parameter) -> None:
    draft.network.append(parameter)


def _finish_network(draft: Draft) -> None:
    """What the command line asks of the network, and the root if it is there."""
    word = draft.root_word
    share = ""
    if word is not None and not draft.elsewhere:
        share = networkwords.share(draft.settings.mount.types, word.value or "")
    if draft.unread_root is not None and not share and not _named_alone(draft):
        draft.problems.append(draft.unread_root)
    if not share and not any(each.key not in networkwords.PASSIVE for each in draft.network):
        return
    from initpy.config.network import draftwish  # few boots need a network

    draftwish.finish(draft, share)


def _named_alone(draft: Draft) -> bool:
    from initpy.config import rootnames  # likewise

    return rootnames.take_name(draft)


def _overlay(draft: Draft, parameter: Parameter) -> None:
    from initpy.config import overlay  # few boots keep root unchanged

    draft.overlay = draft.overlay or overlay.Wish()
    overlay.take(draft.overlay, parameter)


def _finish_overlay(draft: Draft) -> tuple[Overlay | None, VolumeSpec | None]:
    if draft.overlay is None:
        return None, None
    for error in draft.overlay.alone():
        draft.problems.append(error)
        if error.refuses:
            draft.refused[error.where] = str(error)
    return draft.overlay.finish()


def _keymap(draft: Draft, parameter: Parameter) -> None:
    from initpy.config.keyboard import keymap  # rare

    draft.set(keymap=keymap(parameter))


def _font(draft: Draft, parameter: Parameter) -> None:
    from initpy.config.console import font  # rare

    draft.set(font=font(parameter))


def _usr(draft: Draft, parameter: Parameter) -> None:
    if parameter.value is None:
        raise parameter.error("a value; it is ignored")
    draft.usr[parameter.key] = parameter


def _flags(draft: Draft, parameter: Parameter) -> None:
    parameter.text("mount options")
    root.check_flags(parameter)
    draft.flags.setdefault(parameter.key, []).append(parameter)


def _image(draft: Draft, parameter: Parameter) -> None:
    draft.image[parameter.key] = parameter


def _writable(draft: Draft, parameter: Parameter) -> None:
    """`ro` or `rw`: the kernel and systemd ignore them with a value."""
    if parameter.value is not None:
        raise parameter.error(f"{parameter.key} alone, without a value; it is ignored")
    draft.writable = parameter.key == "rw"


def _verity(draft: Draft, parameter: Parameter) -> None:
    draft.verified = parameter.flag()


def _policy(draft: Draft, parameter: Parameter) -> None:
    draft.policy = parameter


def _finish_protection(draft: Draft) -> None:
    if draft.policy is not None or not draft.verified:
        from initpy.config import protection  # rare

        protection.finish(draft)


def _finish_root(draft: Draft) -> None:
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
    of_flags = draft.settings.mount  # /usr has the ro or rw that rootflags= has
    draft.set(mount=root.writable(of_flags, draft.writable))
    if draft.instead and not draft.root_given:
        from initpy.config import rootnames  # root on ZFS, in few forms

        rootnames.take_instead(draft)
    if not draft.root_given and draft.gpt_auto:
        draft.set(root=DeviceSpec(Naming.GPT_AUTO, ""))
    root_device = draft.settings.root
    if "loop" not in draft.image:
        alone = (each.error("loop= beside it; it is ignored") for each in draft.image.values())
        draft.problems.extend(alone)
    if root_device is None:
        return
    try:
        if "loop" in draft.image:
            image, mount = root.image(draft.image, root_device, draft.settings.mount)
            root_device = root.LOOP
            draft.set(root=root_device, image=image, mount=mount)
            of_flags = mount
        draft.set(usr=root.usr(draft.usr, root_device, of_flags, draft.writable))
    except InputError as error:
        draft.problems.append(error)
        if error.refuses:
            draft.refused[error.where] = str(error)


def _take_limit(draft: Draft, key: str, flags: Iterable[str]) -> None:
    """Take the time that a device may take, an option for systemd (systemd.mount(5))."""
    for option, _, value in (each.partition("=") for each in flags):
        if option == LIMIT:
            try:
                seconds = Parameter(f"{key}={LIMIT}", value).seconds(for_ever=0.0)
            except InputError as error:
                draft.problems.append(error)
            else:
                draft.waits[key] = seconds


# Of `overlay`, which is imported when one of them is there; a test compares them.
OVERLAY = (
    "rd.overlay", "rd.overlay.crypt", "rd.overlay.readonly", "rd.overlay.reset", "rd.live.overlay",
    "rd.live.overlay.overlayfs", "rd.live.overlay.readonly", "rd.live.overlayfs.readonly",
    "rd.live.overlay.reset", "overlayroot", "systemd.volatile",
)  # fmt: skip

# Of `keyboard`, likewise.
KEYMAPS = ("rd.vconsole.keymap", "vconsole.keymap", "KEYMAP", "KEYTABLE", "keymap")
FONTS = ("rd.vconsole.font", "vconsole.font")

HANDLERS: dict[str, Callable[[Draft, Parameter], None]] = {
    **dict.fromkeys(OVERLAY, _overlay),
    **dict.fromkeys(KEYMAPS, _keymap),
    **dict.fromkeys(FONTS, _font),
    **dict.fromkeys(networkwords.PARAMETERS, _network),
    **checks.HANDLERS,
    **ending.HANDLERS,
    **layers.HANDLERS,
    "boot": _boot,
    "root": _root,
    "rootfstype": lambda draft, p: draft.mount(
        types=tuple(
            each for each in p.text("file system types").split(",") if each not in ("", "auto")
        )
    ),
    "rootflags": _flags,
    "ro": _writable,
    "rw": _writable,
    "loop": _image,
    "loopfstype": _image,
    "loopflags": _image,
    "systemd.verity": _verity,
    "rd.systemd.verity": _verity,
    "systemd.image-policy": _policy,
    "rd.systemd.image-policy": _policy,
    "mount.usr": _usr,
    "mount.usrfstype": _usr,
    "mount.usrflags": _flags,
    "rd.auto": lambda draft, p: setattr(draft, "auto", p.flag()),
    "systemd.gpt-auto": lambda draft, p: setattr(draft, "gpt_auto", p.flag()),
    "rd.systemd.gpt-auto": lambda draft, p: setattr(draft, "gpt_auto", p.flag()),
    "rd.fstab": lambda draft, p: draft.set(fstab=p.flag()),
    "fstab": lambda draft, p: draft.set(fstab=p.flag()),
    "init": lambda draft, p: draft.set(init=_absolute(p)),
    "quiet": lambda draft, p: draft.set(quiet=True),
    "debug": lambda draft, p: draft.set(debug=True),
    "rd.info": lambda draft, p: setattr(draft, "told", p.flag()),
    "rd.debug": lambda draft, p: draft.set(debug=p.flag()),
}


def _absolute(parameter: Parameter) -> str:
    path = parameter.text("an absolute path")
    if not path.startswith("/"):
        raise parameter.error("an absolute path")
    return path
