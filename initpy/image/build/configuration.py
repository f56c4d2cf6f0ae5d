"""Takes this machine's configuration into an image: name, arrays, groups, encrypted volumes."""

from collections.abc import Iterator
from pathlib import Path

from initpy.config import initramfstools
from initpy.config.crypttab import parse_crypttab
from initpy.config.crypttablines import IN_INITRAMFS, joined, placed
from initpy.config.errors import InputError
from initpy.config.fstab import PATH as FSTAB
from initpy.config.fstab import checked_lines
from initpy.config.hostname import IN_IMAGE
from initpy.config.network import iscsi
from initpy.config.settings import DEFAULTS
from initpy.core.volumes import VolumeSpec
from initpy.image.build.assembly import Assembly
from initpy.image.build.request import BuildRequest
from initpy.image.content import fonts, keymaps, mdadmconf, multipathconf, ownfiles, reduced
from initpy.image.content.identity import LVM_CONF, Identity, lvm_files
from initpy.image.content.keys import CRYPTTAB, check_crypttab
from initpy.image.content.needs import Wanted
from initpy.image.stack import hostonly
from initpy.image.stack.entries import names_of
from initpy.image.stack.layers import without_resume
from initpy.image.stack.system import Running
from initpy.image.tree import File, host_file


def take_configuration(assembly: Assembly, request: BuildRequest) -> None:
    """Reduce the machine's configuration files to what the image needs."""
    stack, identity = request.stack, request.identity
    own, here = stack is not None, identity is not None and identity.here
    arrays = hostonly.arrays(request.root) if request.root is not None else ()
    if identity is not None:
        if identity.base:
            _replace_by(assembly, Path(identity.base))
        _identify(assembly, identity)
    if here:
        assembly.warnings.extend(ownfiles.strange(_base(request)))
    for path in LVM_CONF:
        before, after = assembly.rewrite(
            path, lambda text: reduced.lvm_conf(text, own=own, portable=not here)
        )
        if here and (names := reduced.lvm_settings(before, after)):
            assembly.warnings.append(_left_out(path, ", ".join(names), "any disk"))
    _add_multipath(assembly)
    configurations = [path for path, _ in assembly.tree.items() if _is_of_mdadm(path)]
    for path in configurations:
        before, after = assembly.rewrite(
            path, lambda text: mdadmconf.reduced(text, own=here, arrays=arrays, whole=own)
        )
        for line in mdadmconf.left_out(before, after) if here else ():
            assembly.warnings.append(_left_out(path, line, "any disk"))
    resume, closed = _resume(request)
    assembly.warnings.extend(closed)
    targets = _targets(identity)
    if text := initramfstools.parameters(resume) + targets:
        mode = 0o600 if targets else 0o644  # logins may be among them
        assembly.tree.add(DEFAULTS, File(text.encode(errors="surrogateescape"), mode))
    _add_keymaps(assembly, request)
    assembly.warnings.extend(request.uki.warnings if request.uki is not None else ())
    if request.fstab is not None:
        _add_fstab(assembly, request.fstab)
    if request.crypttab is not None:
        kept = _crypttab(request.crypttab, request)
        if kept.strip():
            assembly.tree.add(CRYPTTAB, File(kept.encode(errors="surrogateescape")))
        for path in _of_volumes(kept, _key_patterns(request)):
            source = Path(f"{_base(request)}{path}")
            if source.is_file():  # for root only: both may hold secrets
                assembly.tree.add(path, File(source, source.stat().st_mode & 0o700))


def _targets(identity: Identity | None) -> str:
    """Return what Debian's iscsi.initramfs of this machine says, as default parameters."""
    if identity is None or not identity.here:
        return ""
    return iscsi.default_parameters(Running().text(f"{identity.base}{iscsi.FILE}") or "")


def _add_multipath(assembly: Assembly) -> None:
    """Add what multipath.conf names; or an empty one, for a machine that has paths without it.

    In an image without that file no disk is a path (61-initpy-multipath.rules).
    """
    text, _ = assembly.rewrite(multipathconf.PATH, str)
    assembly.add_files((), [Wanted(path, multipathconf.PATH) for path in multipathconf.files(text)])
    known = assembly.tree.get(multipathconf.WWIDS) is not None
    if known and assembly.tree.get(multipathconf.PATH) is None:
        assembly.tree.add(multipathconf.PATH, File(multipathconf.EMPTY))


def _add_fstab(assembly: Assembly, path: Path) -> None:
    """Add what the machine's fstab has checked: it can be checked before root is there (R19)."""
    try:
        text = path.read_text("utf-8", "surrogateescape") if path.is_file() else ""
        kept = checked_lines(text)
    except OSError:
        return
    if kept and assembly.tree.get(FSTAB) is None:
        assembly.tree.add(FSTAB, File(kept.encode(errors="surrogateescape")))


def _add_keymaps(assembly: Assembly, request: BuildRequest) -> None:
    """Add the layout of the machine's keyboard and its font, and those of its command lines."""
    identity, root = request.identity, request.root
    lines = [each.text for each in root.command_lines] + [root.cmdline] if root else []
    if request.uki is not None:
        lines.append(request.uki.cmdline)
    own = identity is not None and identity.here
    found = keymaps.collect(identity.base if own and identity else None, lines, request.keymaps)
    assembly.add_entries(found.entries)
    assembly.warnings.extend(found.warnings)
    shown = fonts.collect(identity.base if own and identity else None, lines, request.rules)
    assembly.add_entries(shown.entries)
    assembly.warnings.extend(shown.warnings)


def _left_out(path: str, what: str, why: str) -> str:
    return f"{path}: left out of the image, which is to boot from {why}: {what}"


def _is_of_mdadm(path: str) -> bool:
    return path in mdadmconf.PATHS or path.rpartition("/")[0] in mdadmconf.FOLDERS


def _replace_by(assembly: Assembly, base: Path) -> None:
    """Replace this machine's files about arrays and groups by those of the system in a folder."""
    mine = [path for path, _ in assembly.tree.items() if _is_of_mdadm(path)]
    for path in (*mine, *LVM_CONF[1:]):
        assembly.tree.remove(path)
    folders = [base / path.lstrip("/") for path in mdadmconf.FOLDERS]
    inside = [file for folder in folders if folder.is_dir() for file in sorted(folder.iterdir())]
    named = [base / path.lstrip("/") for path in (*mdadmconf.PATHS, *LVM_CONF)]
    for file in (*named, *inside):
        if file.is_file():
            assembly.tree.add(f"/{file.relative_to(base)}", host_file(file), replace=True)


def _identify(assembly: Assembly, identity: Identity) -> None:
    """Add the machine's name, and the files that LVM's system ID comes from."""
    if identity.hostname:
        assembly.tree.add(IN_IMAGE, File(f"{identity.hostname}\n".encode()))
    else:
        assembly.warnings.append(f"{identity.problem}: arrays with a host's name are not its own")
    if identity.here:
        found = {path: assembly.tree.get(path) for path in LVM_CONF}
        texts = {
            p: e.read().decode(errors="replace") for p, e in found.items() if isinstance(e, File)
        }
        paths = [path for path in lvm_files(texts) if Path(f"{identity.base}{path}").is_file()]
        assembly.add_placed((Path(f"{identity.base}{path}"), path) for path in paths)


def _base(request: BuildRequest) -> str:
    return request.identity.base if request.identity is not None else ""


def _key_patterns(request: BuildRequest) -> str:
    """Return the text of the file in which Debian's KEYFILE_PATTERN is; "" without one."""
    hook = Path(f"{_base(request)}{initramfstools.KEY_FILES}")
    return hook.read_text(errors="replace") if hook.is_file() else ""


def _of_volumes(crypttab: str, patterns: str) -> Iterator[str]:
    """Yield the files that initramfs-tools takes for the volumes that the image opens.

    They are key scripts, and the key files that KEYFILE_PATTERN names.
    """
    volumes = (each for each in parse_crypttab(CRYPTTAB, crypttab)[0] if not each.listed)
    for key in (each.key for each in volumes if each.key is not None):
        if key.program:
            yield key.program
        elif key.device is None and initramfstools.is_for_image(key.path, patterns):
            yield key.path


def _resume(request: BuildRequest) -> tuple[str, list[str]]:
    """Return the device of a hibernated system, or "" and why the image cannot open it."""
    stack = request.stack or request.root
    for volume in _only_resumed(request):
        if stack is not None and stack.resume == request.resume:
            why = f"{volume.name}, which it is on, opens with {volume.key}"
            what = f"no hibernated system is resumed from {request.resume}"
            return "", [f"{what}: {why}, which is not in the image"]
    return request.resume, []


def _only_resumed(request: BuildRequest) -> list[VolumeSpec]:
    """Return the volumes that only a hibernated system is on and whose key file is absent."""
    stack = request.stack or request.root
    if stack is None or request.crypttab is None:
        return []
    text = _text(request.crypttab)
    entries, _ = parse_crypttab(str(request.crypttab), text)
    needed = names_of(without_resume(stack), entries)
    below = names_of(stack, entries) - needed
    placed, patterns = {path for _, path in request.files}, _key_patterns(request)
    return [
        each
        for each in entries
        if each.name in below
        and each.key is not None
        and each.key.device is None
        and not each.key.program
        and each.key.path not in placed
        and not initramfstools.is_for_image(each.key.path, patterns)
    ]


def _text(path: Path) -> str:
    """Return the text of a crypttab, which only root may read on some systems."""
    return joined(*map(_readable, (path, path.with_name(IN_INITRAMFS))))


def _readable(path: Path) -> str:
    try:
        return path.read_text("utf-8", "surrogateescape") if path.is_file() else ""
    except OSError as error:
        expected = "a file that can be read; root may read it"
        raise InputError(str(path), error.strerror, expected) from None


def _crypttab(path: Path, request: BuildRequest) -> str:
    """Return the image's crypttab; check the lines of which the user said that they belong there.

    The root's lines of a generic image only cause warnings: a volume opens without an option too.
    """
    text = _text(path)
    entries, _ = parse_crypttab(str(path), text)
    stack, needed = request.stack, frozenset[str]()
    if stack is not None:
        needed = names_of(stack, entries) | hostonly.volumes(stack)
    try:
        check_crypttab(str(path), reduced.crypttab(text, needed))
    except InputError as error:
        where = placed(error.where, str(path), _readable(path.with_name(IN_INITRAMFS)))
        raise InputError(where, error.value, error.expected) from None
    if request.root is not None:
        needed |= names_of(request.root, entries) | hostonly.volumes(request.root)
    # The real system opens these: nobody is asked for their passphrases before root.
    needed -= {each.name for each in _only_resumed(request)}
    return reduced.crypttab(
        text, needed, others=request.root is None and request.identity is not None
    )
