"""Begin what a root on the network will need, before the engine is there. Standard library only.

The kernel's client of NFS takes longer to load than anything else in such a boot, and network cards
have to be probed before there is a lease. So process 1 begins both beside udevd, if the command
line names such a root. It decides nothing: the engine gives the same orders once it knows more,
so a wrong guess costs only time. A boot with a local root begins nothing.
"""

import os

from initpy.runtime.api import PATH

MODPROBE = "/usr/sbin/modprobe"
# The commands of the jobs nfs-driver and nfs3-driver (jobs/network.toml).
NFS = ("modprobe", "--quiet", "--all", "nfs", "nfsv4")
NFS_3 = ("modprobe", "--quiet", "--all", "nfs", "nfsv3")
COMMANDS = (NFS, NFS_3)
NICE = -10  # as udevd: the boot waits for both
RECORD = "/run/initpy/begun"  # the process number of the command

LEASES = ("dhcp", "dhcp6")
KINDS = ("nfs", "nfs4")
ANY = ("/dev/nfs", "/dev/root")  # netroot= or the lease says what they are
# What stands before a colon of a root that is no host, as initpy.config.root has it.
OTHER_FORMS = ("virtiofs", "9p", "fstab", "tmpfs", "bind", "dissect", "dissect-force", "none")
ELSEWHERE = ("iscsi", "nbd")
OPTIONS_OF_3 = ("vers=3", "nfsvers=3", "v3")
LOGINS = (
    "iscsiroot", "nbdroot", "iscsi_target_name", "iscsi_initiator", "rd.iscsi.target.name",
    "rd.iscsi.target.ip", "rd.nvmf.discover",
)  # fmt: skip


def guess(command_line: str) -> tuple[tuple[str, ...], bool]:
    """Return the command to begin, () for none, and whether root seems to be on the network."""
    values: dict[str, str] = {}
    options: list[str] = []
    for word in command_line.replace('"', "").split():
        if word == "--":  # what follows is for the real init
            break
        key, _, value = word.partition("=")
        values[key] = value
        if key in ("root", "netroot", "nfsroot", "rootflags"):
            options += value.replace(":", ",").split(",")
    if values.get("ip") in ("off", "none"):
        return (), False
    root, netroot = values.get("root", ""), values.get("netroot", "")
    wanted = [root, *(() if _is_device(root) else (netroot,))]
    nfs = values.get("boot") == "nfs" or any(each in LEASES or _is_export(each) for each in wanted)
    if nfs:
        return (NFS_3 if any(each in OPTIONS_OF_3 for each in options) else NFS), True
    kinds = (each.partition(":")[0] for each in (root, netroot))
    logins = any(each in ELSEWHERE for each in kinds) or any(key in values for key in LOGINS)
    return (), netroot in LEASES or logins


def command_line() -> str:
    """Return the kernel's command line; "" if it cannot be read."""
    try:
        with open("/proc/cmdline", encoding="utf-8", errors="replace") as file:
            return file.read(65536)
    except OSError:
        return ""


def _is_device(root: str) -> bool:
    """Return whether root= names a block device."""
    return "=" in root.partition(":")[0] or (root.startswith("/dev/") and root not in ANY)


def _is_export(value: str) -> bool:
    """Return whether this names a root on NFS, as initpy.config.network.nfs has it."""
    kind = value.partition(":")[0]
    if value == "/dev/nfs" or kind in KINDS:
        return True
    host, colon, path = value.rpartition("]:") if value[:1] == "[" else value.partition(":")
    plain = bool(host) and "/" not in host and "=" not in host and kind not in OTHER_FORMS
    return bool(colon) and plain and path[:1] == "/" and path[:2] != "//"


def begin(command: tuple[str, ...]) -> None:
    """Start a command of modprobe, and record it for the engine. If that fails, the job remains."""
    silence = [(os.POSIX_SPAWN_OPEN, number, "/dev/null", os.O_RDWR, 0) for number in (0, 1, 2)]
    try:
        pid = os.posix_spawn(MODPROBE, command, {"PATH": PATH}, file_actions=silence)
        with open(RECORD, "w", encoding="ascii") as file:
            file.write(f"{pid}\n")
        os.setpriority(os.PRIO_PROCESS, pid, NICE)
    except OSError:
        return


def under_way(command: tuple[str, ...]) -> int:
    """Return the process number of this command while the one of process 1 runs, else 0."""
    try:
        with open(RECORD, encoding="ascii") as file:
            pid = int(file.read())
        with open(f"/proc/{pid}/cmdline", "rb") as running:
            words = running.read()
    except (OSError, ValueError):
        return 0
    return pid if words == b"".join(each.encode() + b"\0" for each in command) else 0
