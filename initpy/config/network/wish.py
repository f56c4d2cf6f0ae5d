"""All network parameters together, and the roots among them: what they come to.

`root=`, `netroot=`, `nfsroot=`, `nbdroot=`, `boot=nfs`; the rest is in `linkwish`, `sessionwish`.
"""

from collections.abc import Callable, Sequence

from initpy.config.commandline import Parameter
from initpy.config.errors import InputError
from initpy.config.network import fields, iscsi, linkwish, nbd, nfs, sessionwish, shares
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.netsettings import (
    IscsiRoot,
    Method,
    MountedRoot,
    NbdRoot,
    NetworkSettings,
    NfsRoot,
    NinePRoot,
    Target,
)
from initpy.core.network import nbdwords
from initpy.core.slots import dataclass, field
from initpy.core.tuples import NamedTuple

KERNELS_PATH = "/tftpboot/%s"  # nfsroot.rst
DHCP = ("dhcp", "dhcp6")
NFS_DEVICES = ("/dev/nfs", "/dev/nfs4")
# dracut.cmdline(7) writes it in root= beside a netroot= that is the root itself.
PLACEHOLDER = DeviceSpec(Naming.PATH, "/dev/root")
NETROOT = "dhcp, SERVER:/DIRECTORY, nfs:…, iscsi:…, nbd:…, virtiofs:TAG or 9p:TAG"
CIFS = ("cifs", "smb3", "/dev/cifs", "/dev/smb3")
NO_CIFS = f"{NETROOT} (CIFS is not supported)"

PORT_BESIDE = "nbdroot=SERVER beside it; elsewhere the port is in SERVER:PORT/EXPORT"


class Found(NamedTuple):
    """What the parameters come to."""

    network: NetworkSettings
    device: DeviceSpec | None  # the root, if root= names none and a target has one for it
    elsewhere: bool  # the root is no block device, or the lease's to tell
    types: tuple[str, ...]  # of the root file system, unless rootfstype= tells
    flags: tuple[str, ...]  # beside those of rootflags=
    writable: bool | None
    problems: tuple[InputError, ...]
    taken: tuple[str, ...] = ()  # those of rootflags= that are in `network` now


@dataclass(slots=True)
class Wish:
    """What the parameters say, one after another; of several roots the last counts."""

    problems: list[InputError] = field(default_factory=list)
    links: linkwish.LinkWish = field(default_factory=linkwish.LinkWish)
    sessions: sessionwish.SessionWish = field(default_factory=sessionwish.SessionWish)
    root: MountedRoot | None = None
    from_dhcp: bool = False
    dhcp_method: Method = Method.DHCP
    nfsroot: Parameter | None = None
    nfs_device: bool = False  # root=/dev/nfs, boot=nfs
    version: str = ""  # of NFS, as root=/dev/nfs4 says
    iscsi_word: Parameter | None = None
    nbdroot: Parameter | None = None
    nbd_device: str = ""
    nbddev: Parameter | None = None  # that names it
    nbd_port: Parameter | None = None
    targets: list[Target] = field(default_factory=list)
    device: DeviceSpec | None = None
    types: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    writable: bool | None = None

    def take(self, parameter: Parameter) -> None:
        """Take a parameter in; what is wrong with it is a problem."""
        key = parameter.key.replace("_", "-")
        try:
            if (own := PARAMETERS.get(key)) is not None:
                own(self, parameter)
            elif (link := linkwish.PARAMETERS.get(key)) is not None:
                link(self.links, parameter)
            else:
                sessionwish.PARAMETERS[key](self.sessions, parameter)
        except InputError as error:
            self.problems.append(error)

    def take_root(self, parameter: Parameter) -> None:
        """A network root in root= or netroot=; `boot=nfs`."""
        text = parameter.text(NETROOT)
        kind, _, rest = text.partition(":")
        if text in DHCP:
            self.from_dhcp = True
            self.dhcp_method = Method.DHCP6 if text == "dhcp6" else Method.DHCP
        elif text in NFS_DEVICES or parameter.key == "boot":
            self.version = "4" if text == "/dev/nfs4" else self.version
            self.nfs_device = True
        elif kind == "iscsi":
            self._take_iscsi(parameter, rest)
        elif kind == "nbd":
            self._take_nbd(parameter, rest)
        elif kind in shares.TYPES:
            self.root, self.types = shares.read(parameter, kind, rest, ()), (kind,)
        elif kind in CIFS:
            raise parameter.error(NO_CIFS)
        elif nfs.is_one(text) or text in nfs.TYPES or text.startswith("/"):
            self._take_nfs(parameter, text)
        else:
            raise parameter.error(NETROOT)

    def take_typed(self, parameter: Parameter, kind: str, flags: Sequence[str]) -> None:
        """`root=` beside `rootfstype=virtiofs`, 9p, nfs or nfs4; FLAGS are those of rootflags="""
        try:
            if kind in nfs.TYPES:
                self._take_nfs(parameter, parameter.value or "", "4" if kind == "nfs4" else "")
            else:
                tag = (parameter.value or "").removeprefix(f"{kind}:")
                self.root = shares.read(parameter, kind, tag, flags)
        except InputError as error:
            self.problems.append(error)

    def _take_nfs(self, parameter: Parameter, text: str, version: str = "") -> None:
        export = nfs.read(parameter, text, version)
        self.problems.extend(export.notes)
        self.root, self.writable = export.root, export.writable

    def _take_iscsi(self, parameter: Parameter, text: str) -> None:
        if text in ("", "ibft"):  # dracut's users write the latter for the firmware's table
            self.iscsi_word = parameter
        else:  # otherwise the target is in parameters of its own, or the firmware's
            target = iscsi.read(parameter, text)
            self.targets.append(target)
            self.device = self.device or iscsi.device(target)

    def _take_nbd(self, parameter: Parameter, text: str) -> None:
        export = nbd.read(parameter, text)
        number = sum(isinstance(each, NbdRoot) for each in self.targets)
        root = export.root._replace(device=f"/dev/nbd{number}")
        self.targets.append(root)
        if self.device is None:
            self.device = DeviceSpec(Naming.PATH, root.device)
            self.types, self.flags = export.types, export.flags

    def take_iscsiroot(self, parameter: Parameter) -> None:
        """`iscsiroot=`, the older word for netroot=iscsi:"""
        self._take_iscsi(parameter, (parameter.value or "").removeprefix("iscsi:"))

    def take_nfsroot(self, parameter: Parameter) -> None:
        """`nfsroot=`; it counts if the root is an NFS export."""
        self.nfsroot = parameter

    def take_lone_nfsroot(self) -> None:
        """No root= is there: `nfsroot=` alone names it, as with Arch's mkinitcpio-nfs-utils."""
        self.nfs_device = self.nfs_device or (self.nfsroot is not None and self.root is None)

    def take_nbdroot(self, parameter: Parameter) -> None:
        """`nbdroot=` of Debian; the device is that of root= or nbddev=."""
        self.nbdroot = parameter

    def take_nbdport(self, parameter: Parameter) -> None:
        """`nbdport=` of LTSP, beside an nbdroot= with the server alone."""
        if fields.number(parameter.value or "", fields.PORTS) is None:
            raise parameter.error("a port from 1 to 65535")
        self.nbd_port = parameter

    def take_nbddev(self, parameter: Parameter) -> None:
        """`nbddev=` of Debian"""
        device = nbdwords.whole_device(parameter.value or "")
        if device is None:
            raise parameter.error("a device such as /dev/nbd0")
        self.nbd_device, self.nbddev = device, parameter

    def finish(self, root: DeviceSpec | None, types: Sequence[str], flags: Sequence[str]) -> Found:
        """Return what it all comes to.

        ROOT: the device in root=, TYPES: those of rootfstype=, FLAGS: those of rootflags=.
        """
        for step in (self._finish_nfs, lambda: self._finish_nbd(root), self._finish_targets):
            try:
                step()
            except InputError as error:
                self.problems.append(error)
        served = all(each.server for each in self.targets)  # else the lease tells by what
        self.from_dhcp = self.from_dhcp or not served
        if root == PLACEHOLDER and (self.root or self.targets or self.from_dhcp):
            root = None
        taken = self._take_flags(flags) if root is None else ()
        if isinstance(self.root, NinePRoot):
            self.flags = shares.missing_flags(flags)
        if isinstance(self.root, NfsRoot) and not self.root.version and "nfs4" in types:
            self.root = self.root._replace(version="4")
        network = self.links.finish(
            NetworkSettings(
                root=self.root,
                targets=tuple(self.targets),
                from_dhcp=self.from_dhcp,
                iscsi=self.sessions.iscsi,
                nvme=self.sessions.nvme,
            ),
            self.dhcp_method,
        )
        elsewhere = self.root is not None or (self.from_dhcp and root is None)
        device = None if elsewhere or root is not None else self.device
        problems = (*self.problems, *self.links.problems)
        ways = self.types, self.flags, self.writable
        return Found(network, device, elsewhere, *ways, problems, taken)

    def _take_flags(self, flags: Sequence[str]) -> tuple[str, ...]:
        """Have what rootflags= says of an NFS root's version or security count; return it.

        What no kernel takes, or none is known to take, is judged as among the options of the root.
        """
        known = isinstance(self.root, NfsRoot)
        own = tuple(each for each in flags if nfs.is_own(each) or (known and nfs.is_odd(each)))
        if not own or not (self.from_dhcp or isinstance(self.root, NfsRoot)):
            return ()
        root = self.root if isinstance(self.root, NfsRoot) else NfsRoot()
        parameter = Parameter("rootflags", ",".join(own))
        try:
            export = nfs.with_options(parameter, root, ",".join(own))
        except InputError as error:
            self.problems.append(error)
            self.root = None
            return own
        self.problems.extend(export.notes)
        self.root = export.root._replace(options=(*root.options, *export.root.options))
        return own

    def _finish_nfs(self) -> None:
        """`nfsroot=`, and what it leaves out."""
        given = self.nfsroot
        if self.nfs_device and given is not None and given.value not in (None, "", "auto"):
            self._take_nfs(given, given.value or "", self.version)
        elif self.nfs_device and not isinstance(self.root, NfsRoot):
            # The kernel's default, where no lease could tell; nfsroot=auto is Debian's.
            static = self.links.server() and given is None
            self.root = NfsRoot(path=KERNELS_PATH if static else "", version=self.version)
        if isinstance(self.root, NfsRoot):
            server = self.root.server or self.links.server()
            self.root = self.root._replace(server=server)
            self.from_dhcp = self.from_dhcp or not self.root.path

    def _finish_nbd(self, root: DeviceSpec | None) -> None:
        if self.nbdroot is None:
            self._report_alone(self.nbd_port, PORT_BESIDE)
            self._report_alone(self.nbddev, "nbdroot= beside it")
            return
        text = self.nbdroot.value or ""
        told = text not in ("", *DHCP)
        if self.nbd_port is not None and told and fields.server(text) is not None:
            text = f"{text},{self.nbd_port.value}"
        else:
            self._report_alone(self.nbd_port, PORT_BESIDE)
        export = nbd.debian(self.nbdroot, text) if told else NbdRoot()
        named = nbdwords.whole_device(root.value) if root is not None else None
        export = export._replace(
            device=named or self.nbd_device or export.device,
            server=export.server or self.links.server(),
        )
        self.targets.append(export)
        self.from_dhcp = self.from_dhcp or not told
        self.device = self.device or DeviceSpec(Naming.PATH, export.device)

    def _report_alone(self, parameter: Parameter | None, beside: str) -> None:
        """Report a parameter that nothing else makes use of."""
        if parameter is not None:
            self.problems.append(parameter.error(f"{beside}; it is ignored"))

    def _finish_targets(self) -> None:
        """Targets of separate parameters; logins of targets that name none."""
        separate = self.sessions.targets(self.problems)
        if separate:
            self.device = self.device or iscsi.device(separate[0])
        elif self.iscsi_word is not None and not self.sessions.names_targets:
            self._report_no_target(self.iscsi_word)
        self.targets = [*self.sessions.logged_in((*self.targets, *separate), self.problems)]

    def _report_no_target(self, word: Parameter) -> None:
        if not any(isinstance(each, IscsiRoot) for each in self.targets):
            expected = "a target: iscsi:…, rd.iscsi.target.ip= or rd.iscsi.firmware=1"
            self.problems.append(word.error(expected))


PARAMETERS: dict[str, Callable[[Wish, Parameter], None]] = {
    "root": Wish.take_root,
    "boot": Wish.take_root,
    "netroot": Wish.take_root,
    "nfsroot": Wish.take_nfsroot,
    "iscsiroot": Wish.take_iscsiroot,
    "nbdroot": Wish.take_nbdroot,
    "nbddev": Wish.take_nbddev,
    "nbdport": Wish.take_nbdport,
}
