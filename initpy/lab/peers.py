"""The other initramfs generators of the comparison, each in its own small Debian in the cache.

The generators conflict, and an installation would replace this machine's initramfs. debootstrap is
unpacked, not installed. Only root can create and enter such a system.
"""

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from initpy.image.process import ToolError, run
from initpy.lab.cache import cache_folder, digest, locked
from initpy.lab.errors import LabError, Progress
from initpy.lab.kernels import Kernel

_MIRROR = re.compile(r"'(\S+)/pool/")
# The path of the image in the peer's system.
_OUTPUT = "/initrd.img"
_MAKING = ".new-"
_VERSION_FIELD = "${Version}"


@dataclass(frozen=True, slots=True)
class Peer:
    """How another generator builds its images, and how its initramfs prompts."""

    name: str
    package: str  # its version is displayed
    packages: tuple[str, ...]
    command: tuple[str, ...]  # in the peer's system; {kernel} is the release
    prompt: str  # a regular expression
    parameters: str = ""  # kernel parameters that any layer needs
    layers: bool = True  # its system has the programs for arrays and volumes
    disks: bool = True  # it takes part in boots from local disks
    network: str = ""  # the command line of an NFS root by DHCP; "": not supported
    crypttab: str = ""  # the image's file with the encrypted volumes, if it needs one
    # The command for a host-only image of a machine that it does not run on; {modules}: drivers.
    own: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)  # files of the peer's system


_BARE = ("initramfs-tools", "busybox", "zstd", "udev", "e2fsprogs", "kmod")
# Without the hooks of mdadm, lvm2 and cryptsetup it boots plain disks much faster.
BARE_INITRAMFS_TOOLS = Peer(
    name="initramfs-tools-bare",
    package="initramfs-tools",
    packages=_BARE,
    command=("mkinitramfs", "-o", _OUTPUT, "{kernel}"),
    prompt="Please unlock disk",
    layers=False,
    # initramfs-tools(7), nfsroot.rst: nfsmount of klibc, with the path of the lease.
    network="boot=nfs root=/dev/nfs nfsroot=auto ip=dhcp rw",
    # This is also the default; it is explicit because the comparison depends on it
    # (initramfs.conf(5)).
    settings={"/etc/initramfs-tools/conf.d/generic": "MODULES=most\n"},
)
# MODULES=list takes the drivers in the file `modules`, and those that the hooks always add
# (initramfs.conf(5)). MODULES=dep would examine /sys and the mounts of this host.
_LISTED = f"""
rm -rf /run/own && cp -a /etc/initramfs-tools /run/own && rm /run/own/conf.d/generic &&
sed -i s/^MODULES=.*/MODULES=list/ /run/own/initramfs.conf &&
printf '%s\\n' {{modules}} >/run/own/modules && exec mkinitramfs -d /run/own -o {_OUTPUT} {{kernel}}
"""
INITRAMFS_TOOLS = replace(
    BARE_INITRAMFS_TOOLS,
    name="initramfs-tools",
    packages=(*_BARE, "cryptsetup-initramfs", "lvm2", "mdadm"),
    layers=True,
    network="",
    own=("sh", "-c", _LISTED),
    crypttab="/cryptroot/crypttab",
)
DRACUT = Peer(
    name="dracut",
    package="dracut-core",
    packages=(
        "dracut", "systemd", "systemd-sysv", "dbus", "cryptsetup-bin", "lvm2", "mdadm", "dmsetup",
        "zstd", "pigz", "udev", "e2fsprogs", "kmod",
    ),
    command=("dracut", "--quiet", "--force", "--no-hostonly", "--kver", "{kernel}", _OUTPUT),
    # The options state what dracut would find in the mounts of the machine (dracut(8)).
    own=(
        "dracut", "--quiet", "--force", "--hostonly", "--no-hostonly-default-device",
        "--no-hostonly-cmdline", "--add", "crypt lvm mdraid", "--fscks", "e2fsck",
        "--drivers", "{modules}", "--kver", "{kernel}", _OUTPUT,
    ),
    prompt="Please enter passphrase for",
    # Without it dracut assembles only devices on the command line (dracut.cmdline(7)).
    parameters="rd.auto=1",
)  # fmt: skip
# With the drivers of network cards, which dracut adds only if they are requested (dracut(8)).
DRACUT_WITH_NETWORK = replace(
    DRACUT,
    name="dracut-with-network",
    packages=(*DRACUT.packages, "dracut-network"),
    command=(*DRACUT.command[:-1], "--add", "kernel-network-modules", DRACUT.command[-1]),
)
# With its modules for NFS and for network cards, and their programs (dracut.cmdline(7)).
DRACUT_ON_NFS = replace(
    DRACUT,
    name="dracut-nfs",
    packages=(
        *DRACUT.packages, "dracut-network", "nfs-common", "rpcbind", "isc-dhcp-client", "iproute2",
        "iputils-arping", "iputils-ping", "procps",
    ),
    command=(*DRACUT.command[:-1], "--add", "nfs network-legacy", DRACUT.command[-1]),
    own=(),
    disks=False,
    network="root=dhcp ip=dhcp rd.neednet=1 rw",
)  # fmt: skip
PEERS = (BARE_INITRAMFS_TOOLS, INITRAMFS_TOOLS, DRACUT, DRACUT_ON_NFS)


@dataclass(frozen=True, slots=True)
class PeerSystem:
    """A peer's Debian, ready to build images for one kernel."""

    peer: Peer
    root: Path
    version: str
    key: str  # a hash of its packages, settings, command and kernel

    def make_image(self, kernel: Kernel, output: Path, drivers: Iterable[str] = ()) -> None:
        """Build the generic image, or a host-only image with these drivers."""
        names = " ".join(drivers)
        command = self.peer.own if names else self.peer.command
        words = [word.format(kernel=kernel.version, modules=names) for word in command]
        run(_inside(self.root, words), hint=f"rm -r {self.root} to create the system again")
        shutil.move(self.root / _OUTPUT.lstrip("/"), output)


def peer_system(peer: Peer, kernel: Kernel, progress: Progress) -> PeerSystem:
    """Return the peer's Debian with the kernel's modules; create it if the cache lacks it."""
    if os.geteuid() != 0:
        raise LabError(f"{peer.name}: only root can create its system\n  try: sudo make bench")
    suite = _suite()
    made_of = repr((suite, peer.packages, sorted(peer.settings.items())))
    root = cache_folder("peers") / f"{peer.name}-{digest([made_of.encode()])}"
    with locked("peers"):
        if not root.exists():
            progress(f"creating a small Debian with {peer.name} (once, about a minute)")
            _make_system(peer, suite, root)
        _place_kernel(kernel, root)
    listing = run(_inside(root, ["dpkg-query", "--show"]))
    version = run(_inside(root, ["dpkg-query", "--show", "-f", _VERSION_FIELD, peer.package]))
    key = digest([made_of.encode(), repr(peer.command).encode(), listing, kernel.version.encode()])
    return PeerSystem(peer, root, version.decode().strip(), key)


def outdated(folder: Path, name: str, kept: str) -> list[Path]:
    """Return the peer's files in a folder whose keys are not the current one."""
    pattern = re.compile(rf"{re.escape(name)}-[0-9a-f]{{16}}(\.img)?")
    return [path for path in folder.iterdir() if pattern.fullmatch(path.name) and path.name != kept]


def _suite() -> str:
    for line in Path("/etc/os-release").read_text().splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.partition("=")[2].strip('"')
    raise LabError("/etc/os-release has no VERSION_CODENAME: peers need Debian")


def _make_system(peer: Peer, suite: str, root: Path) -> None:
    for broken in root.parent.glob(f"{_MAKING}*"):  # of a run that was killed
        shutil.rmtree(broken, ignore_errors=True)
    with TemporaryDirectory(dir=root.parent, prefix=_MAKING) as temporary:
        tool, mirror = _debootstrap(Path(temporary))
        making = Path(temporary) / "root"
        run(
            [
                # Its mounts disappear when it ends, even if it is killed.
                "unshare", "--mount", str(tool / "usr/sbin/debootstrap"), "--variant=minbase",
                f"--include={','.join(peer.packages)}", suite, str(making), mirror,
            ],
            environment={"DEBOOTSTRAP_DIR": str(tool / "usr/share/debootstrap"), **_proxy()},
            hint=f"apt install wget; is {mirror} reachable?",
        )  # fmt: skip
        for path, content in peer.settings.items():
            target = making / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content)
        shutil.rmtree(making / "var/cache/apt", ignore_errors=True)
        making.rename(root)
    for older in outdated(root.parent, peer.name, root.name):
        shutil.rmtree(older)


def _debootstrap(folder: Path) -> tuple[Path, str]:
    """Unpack debootstrap in a folder; return its path and the mirror of this machine's apt."""
    # apt-get download always writes into the working directory.
    words = "apt-get -qq -o APT::Sandbox::User=root -o Acquire::Retries=3 download"
    script = f'cd "$1" && {words} --print-uris debootstrap && {words} debootstrap >&2'
    hint = "apt-get update; check the network"
    said = run(["sh", "-c", script, "sh", str(folder)], hint=hint).decode()
    match = _MIRROR.search(said)
    packages = list(folder.glob("debootstrap_*.deb"))
    if match is None or not packages:
        raise LabError(f"apt-get download debootstrap gave no package: {said.strip()}")
    tool = folder / "debootstrap"
    run(["dpkg-deb", "-x", str(packages[0]), str(tool)])
    return tool, match[1]


def _proxy() -> dict[str, str]:
    """Return apt's proxy as environment variables, for debootstrap's wget."""
    try:
        said = run(["apt-config", "shell", "proxy", "Acquire::http::Proxy"]).decode()
    except ToolError:
        said = ""
    configured = re.search(r"'(http\S+)'", said)
    proxy = configured[1] if configured else os.environ.get("http_proxy", "")
    return {"http_proxy": proxy} if proxy else {}


def _place_kernel(kernel: Kernel, root: Path) -> None:
    """Hard-link the kernel's modules into the system, and copy its configuration."""
    modules = root / "lib" / "modules" / kernel.version
    if modules.exists():
        return
    modules.parent.mkdir(parents=True, exist_ok=True)
    placing = modules.with_name(f".{kernel.version}.new")
    shutil.rmtree(placing, ignore_errors=True)
    run(["cp", "-a", "--link", str(kernel.modules), str(placing)])
    for name in ("config", "System.map", "vmlinuz"):
        named = f"{name}-{kernel.version}"
        for source in (kernel.image.with_name(named), kernel.modules / name):
            if source.is_file():
                shutil.copy2(source, root / "boot" / named)
    placing.rename(modules)


def _inside(root: Path, command: list[str]) -> list[str]:
    """Return the command that runs in the system, with mounts that disappear when it ends."""
    script = (
        'mount -t proc proc "$0/proc" && mount --rbind /sys "$0/sys" && '
        'mount --rbind /dev "$0/dev" && exec chroot "$0" "$@"'
    )
    return ["unshare", "--mount", "sh", "-c", script, str(root), *command]
