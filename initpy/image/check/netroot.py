"""Judges a root on the network or of the hypervisor: its name, and what the image has for it."""

import re
from collections.abc import Iterator

from initpy.config.network import nvme
from initpy.core.netsettings import NvmeRoot
from initpy.core.settings import Settings
from initpy.image.check.proof import Row, Verdict
from initpy.image.formats.archive import Archive
from initpy.image.stack.layers import Kind, Layer, Stack

TITLE = "the network"
COMMAND_LINE = "the command line"
NETWORKED = ("nfs", "nfs4")
# The engine's own part, and the library that it stands on (image/content/python.py).
PART = re.compile(r"/usr/lib/python3[^/]*/initpy/runtime/net/network\.pyc")
DISCOVER, HOST_NAME = "rd.nvmf.discover=", "the NVMe name of this machine"
FIRMWARE = "the firmware's table (NBFT)"
INITIATOR = "/etc/iscsi/initiatorname.iscsi"
# cfg_get_string_param() of open-iscsi takes it wherever a line has it.
NAMED = re.compile(r"^[^#\n]*InitiatorName[^=\n]*=[ \t]*\S", re.MULTILINE)
GENERATED = "start iscsid once, then build again"
HINT = "build it without `network = false` in the recipe, or as a generic image"


def rows(archive: Archive, stack: Stack, settings: Settings) -> Iterator[Row]:
    """Yield the rows about what brings interfaces up, if root is reached over one."""
    asked = settings.network is not None and settings.network.root_needs_link
    if not asked and not any(each.kind is Kind.NETWORK for each in stack.layers):
        return
    if any(PART.fullmatch(path) for path, _ in archive.items()):
        reason = "the engine brings interfaces up and asks for leases itself"
        yield Row(TITLE, "its programs", Verdict.OK, reason)
    else:
        reason = f"the image has nothing that brings an interface up; {HINT}"
        yield Row(TITLE, "its programs", Verdict.MISSING, reason)
    yield from _made(stack, settings)
    if any(each.fact("type") in NETWORKED for each in map(stack.layer, stack.tops)):
        yield Row(TITLE, "a mount helper", Verdict.OK, "none is needed: the kernel mounts NFS")
    targets = [each for each in stack.layers if each.kind is Kind.TARGET]
    if any(each.property("TARGET") == "iscsi" for each in targets):
        yield _initiator(archive, settings)
    subsystems = [each for each in targets if each.property("TARGET") == "nvme"]
    if subsystems:
        yield from _nvme(archive, settings, subsystems)


def _made(stack: Stack, settings: Settings) -> Iterator[Row]:
    """Judge whether the command line has the VLANs, bonds and bridges made that root needs."""
    network = settings.network
    names = set[str]()
    if network is not None:
        names |= {each.name for each in network.vlans} | {each.name for each in network.bonds}
        names |= {each.name for each in network.bridges}
    for each in stack.layers:
        name = each.property("INTERFACE")
        if each.kind is not Kind.NETWORK or not any(on.startswith("net:") for on in each.on):
            continue
        if name in names:
            yield Row(COMMAND_LINE, name, Verdict.OK, "the engine makes this interface")
        else:
            below = ", ".join(on.removeprefix("net:") for on in each.on)
            reason = f"root is reached over it: vlan=, bond= or bridge= has to make it of {below}"
            yield Row(COMMAND_LINE, name, Verdict.MISSING, reason)


def _initiator(archive: Archive, settings: Settings) -> Row:
    """Judge the name by which this machine logs in to iSCSI targets."""
    given = settings.network.iscsi.initiator if settings.network is not None else ""
    text = archive.read(INITIATOR).decode("utf-8", "replace") if INITIATOR in archive else None
    named = NAMED.search(text or "")
    if given or named is not None:
        return Row(TITLE, "the initiator's name", Verdict.OK, given or INITIATOR)
    if text is not None:
        reason = f"{INITIATOR} has no InitiatorName= yet (iscsi-iname makes one): {GENERATED}"
        return Row(TITLE, "the initiator's name", Verdict.MISSING, reason)
    reason = f"neither rd.iscsi.initiator= nor {INITIATOR} in the image names this machine"
    return Row(TITLE, "the initiator's name", Verdict.MISSING, reason)


def _nvme(archive: Archive, settings: Settings, targets: list[Layer]) -> Iterator[Row]:
    """Judge whether the boot finds an NVMe subsystem, and by which name it shows itself."""
    files = {path: archive.read(path).decode("utf-8", "replace")
             for path in nvme.FILES if path in archive}  # fmt: skip
    given = settings.network.nvme if settings.network is not None else None
    found, problems = nvme.applied(settings, files)
    named = found.network.targets if found.network is not None else ()
    told = [each for each in named if isinstance(each, NvmeRoot)]
    table = given is None or (given.on and given.firmware)
    table = table and any(each.fact("firmware") for each in targets)
    if table:
        yield Row(COMMAND_LINE, DISCOVER, Verdict.OK, f"{FIRMWARE} names what it has booted from")
    elif told:
        text = ", ".join(each.server for each in told)
        yield Row(COMMAND_LINE, DISCOVER, Verdict.OK, f"controllers that are asked: {text}")
    else:
        reason = f"nothing names a controller: {DISCOVER}tcp,SERVER (now: {targets[0].name})"
        yield Row(COMMAND_LINE, DISCOVER, Verdict.MISSING, reason)
    for each in problems:
        yield Row(TITLE, each.where, Verdict.WARNING, str(each))
    name = (given.host_nqn if given is not None else "") or files.get(nvme.HOST_NQN, "").strip()
    known = {each.fact("host") for each in targets} - {""}
    if table and not (given is not None and given.host_nqn):
        yield Row(TITLE, HOST_NAME, Verdict.OK, f"{FIRMWARE} has it")
    elif name and known <= {name}:
        yield Row(TITLE, HOST_NAME, Verdict.OK, name)
    elif name:
        reason = f"{name}; the server knows this machine as {', '.join(sorted(known))}"
        yield Row(TITLE, HOST_NAME, Verdict.WARNING, reason)
    else:
        reason = f"neither rd.nvmf.hostnqn= nor {nvme.HOST_NQN} in the image names this machine"
        yield Row(TITLE, HOST_NAME, Verdict.MISSING, reason)


def is_exported(top: Layer) -> bool:
    """Return whether a file system stands on no device, but on a server or the hypervisor."""
    return bool(top.on) and all(each.startswith(("net:", "bus:")) for each in top.on)


def named(settings: Settings, top: Layer) -> Row | None:
    """Judge root= where it, or the described root, is no device; None: both are devices."""
    network, exported = settings.network, is_exported(top)
    source = top.name.partition(" on ")[2]
    if network is not None and network.from_dhcp and network.root is None and settings.root is None:
        reason = f"cannot know: the lease names the root, which is {top.name} now"
        return Row(COMMAND_LINE, "root=", Verdict.WARNING, reason)
    root = network.root if network is not None else None
    if root is None:
        if not exported or settings.root is None:
            return None
        reason = f"{settings.root} is a device, and root is {top.name}: root={_word(top, source)}"
        return Row(COMMAND_LINE, "root=", Verdict.MISSING, reason)
    if not exported:
        reason = f"it names a root on the network, and root is {top.name}"
        return Row(COMMAND_LINE, "root=", Verdict.MISSING, reason)
    server, path = getattr(root, "server", ""), getattr(root, "path", getattr(root, "tag", ""))
    host = f"[{server}]" if ":" in server else server
    wanted = f"{host}:{path}" if server else path
    if wanted == source or (not server and source.endswith(f":{path}")):
        return Row(COMMAND_LINE, "root=", Verdict.OK, wanted)
    # Another name or address of the server may lead to the same export.
    reason = f"cannot know whether {wanted or 'what the lease names'} is {source}: name it so"
    return Row(COMMAND_LINE, "root=", Verdict.UNKNOWN, reason)


def _word(top: Layer, source: str) -> str:
    kind = top.fact("type")
    return f"{'nfs' if kind in NETWORKED else kind}:{source}"
