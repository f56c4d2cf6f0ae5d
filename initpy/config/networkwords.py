"""Which words of the command line are for `network` to read, which few boots import."""

import re

from initpy.config.commandline import Parameter

# Of `network.wish`; a test compares them.
PARAMETERS = (
    "BOOTIF", "ISCSI-AUTO", "ISCSI-IN-PASSWORD", "ISCSI-IN-USERNAME", "ISCSI-INITIATOR",
    "ISCSI-PASSWORD", "ISCSI-TARGET-GROUP", "ISCSI-TARGET-IP", "ISCSI-TARGET-NAME",
    "ISCSI-TARGET-PORT", "ISCSI-USERNAME", "bond", "bootdev", "bridge", "ifname", "ip", "ip6",
    "iscsi-auto", "iscsi-firmware", "iscsi-in-password", "iscsi-in-username", "iscsi-initiator",
    "iscsi-param", "iscsi-password", "iscsi-target-group", "iscsi-target-ip",
    "iscsi-target-name", "iscsi-target-port", "iscsi-username", "iscsiroot", "nameserver",
    "nbddev", "nbdport", "nbdroot", "netroot", "nfsaddrs", "nfsroot", "nvmf.discover",
    "nvmf.hostid", "nvmf.hostnqn", "rd.bootif", "rd.iscsi.firmware", "rd.iscsi.ibft",
    "rd.iscsi.in.password", "rd.iscsi.in.username", "rd.iscsi.initiator",
    "rd.iscsi.login-retry-max", "rd.iscsi.mp", "rd.iscsi.param", "rd.iscsi.password",
    "rd.iscsi.target.group", "rd.iscsi.target.ip", "rd.iscsi.target.name",
    "rd.iscsi.target.port", "rd.iscsi.testroute", "rd.iscsi.transport", "rd.iscsi.username",
    "rd.iscsi.waitnet", "rd.neednet", "rd.net.dhcp.client-id", "rd.net.dhcp.retry", "rd.net.dns",
    "rd.net.timeout.carrier", "rd.net.timeout.dhcp", "rd.net.timeout.iflink",
    "rd.net.timeout.ifup", "rd.net.timeout.ipv6auto", "rd.net.timeout.ipv6dad",
    "rd.net.timeout.route", "rd.nonvmf", "rd.nvmf.discover", "rd.nvmf.hostid", "rd.nvmf.hostnqn",
    "rd.nvmf.nonbft", "rd.nvmf.nostatic", "rd.peerdns", "rd.route", "vlan",
)  # fmt: skip
# A boot loader adds them whatever the root is: they alone ask for nothing.
PASSIVE = ("BOOTIF", "rd.bootif")

# What root= has of roots on the network: dracut.cmdline(7), nfsroot.rst.
ROOTS = (
    "dhcp",
    "dhcp6",
    "nfs",
    "nfs4",
    "iscsi",
    "nbd",
    "/dev/nfs",
    "/dev/nfs4",
    "/dev/cifs",
    "/dev/smb3",
)
ROOT_PREFIXES = ("nfs:", "nfs4:", "iscsi:", "nbd:", "virtiofs:", "9p:", "cifs:", "smb3:")
# What dracut and systemd have besides: nothing is booted from such, and no server is meant.
OTHERS = (
    "live:", "liveiso:", "livenet:", "http:", "https:", "ftp:", "tftp:", "torrent:", "bind:",
    "block:", "ubifs:", "overlay:", "zfs:", "ceph:", "gluster:", "glusterfs:", "aoe:", "fcoe:",
)  # fmt: skip
TARGETS = ("iscsi", "nbd")
SERVER_PATH = r"(\[[0-9a-fA-F:.]+(%[^\]]+)?\]|[^/:=]+):/"
# tmpfs:/dev/sda1, say: no server exports its devices, and others have words for what is on one.
ON_DEVICE = r"[A-Za-z]+:/+dev/"


def names_root(text: str) -> bool:
    """Return whether a value of root= names a root on the network or of the hypervisor."""
    if text.startswith(OTHERS):
        return False
    if text in ROOTS or text.startswith(ROOT_PREFIXES):
        return True
    on_server = ":/" in text and re.match(SERVER_PATH, text) is not None
    return on_server and re.match(ON_DEVICE, text) is None


def is_mounted(parameter: Parameter) -> bool:
    """Return whether this is a root= that is no target: what it names would be the root itself."""
    kind = (parameter.value or "").partition(":")[0]
    return parameter.key == "root" and kind not in TARGETS


def share(types: tuple[str, ...], text: str) -> str:
    """Return the type in rootfstype= that makes another value of root= a share; empty: none does.

    The tag of a share may look like a device.
    """
    kind = types[0] if types else ""
    if kind in ("virtiofs", "9p"):
        return kind
    return kind if kind in ("nfs", "nfs4") and not text.startswith("/dev/") else ""
