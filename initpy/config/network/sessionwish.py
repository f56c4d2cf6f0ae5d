"""The parameters about iSCSI and NVMe sessions that are no root themselves."""

from collections.abc import Callable, Iterable
from typing import Any

from initpy.config.commandline import Parameter
from initpy.config.errors import InputError
from initpy.config.network import iscsi, nvme
from initpy.core.netsettings import Chap, Iscsi, IscsiRoot, Nvme, NvmeRoot, Target
from initpy.core.slots import dataclass, field


@dataclass(slots=True)
class SessionWish:
    """What the parameters say, one after another."""

    target: dict[str, Parameter] = field(default_factory=dict)  # name, ip, port, group
    login: dict[str, Parameter] = field(default_factory=dict)  # the words of `iscsi.LOGIN`
    iscsi: Iscsi = field(default_factory=Iscsi)
    nvme: Nvme = field(default_factory=Nvme)
    subsystems: list[NvmeRoot] = field(default_factory=list)

    def take_target(self, name: str, parameter: Parameter) -> None:
        """`rd.iscsi.target.*`"""
        self.target[name] = parameter

    def take_login(self, name: str, parameter: Parameter) -> None:
        """`rd.iscsi.username=` and the like"""
        self.login[name] = parameter

    def take_initiator(self, parameter: Parameter) -> None:
        """`rd.iscsi.initiator=`"""
        name, note = iscsi.own_name(parameter)
        self.iscsi = self.iscsi._replace(initiator=name)
        if note is not None:
            raise note

    def take_flag(self, name: str, parameter: Parameter) -> None:
        """`rd.iscsi.firmware` and other flags"""
        changes: dict[str, Any] = {name: parameter.flag()}
        self.iscsi = self.iscsi._replace(**changes)

    def take_auto(self, parameter: Parameter) -> None:
        """`iscsi_auto` of Debian: links and targets are as the firmware's table says."""
        on = parameter.flag()
        self.iscsi = self.iscsi._replace(firmware=on, firmware_links=on)

    def take_retries(self, parameter: Parameter) -> None:
        """`rd.iscsi.login_retry_max=`"""
        count = parameter.integer()
        if count < 0:
            raise parameter.error("a number of tries, 0 or more")
        self.iscsi = self.iscsi._replace(login_retries=count)

    def take_transport(self, parameter: Parameter) -> None:
        """`rd.iscsi.transport=`"""
        if parameter.value != "tcp":
            raise parameter.error("tcp (offload to an adapter is not supported)")

    def take_record(self, parameter: Parameter) -> None:
        """`rd.iscsi.param=`; records of the login become one."""
        name, value = iscsi.record(parameter)
        part, _, word = name.rpartition(".")
        if part == "node.session.auth" and word in iscsi.LOGIN:
            # By a name that tells whether the value is a secret
            key = f"rd.iscsi.{'in.' if word.endswith('_in') else ''}{word.removesuffix('_in')}"
            self.login[word] = Parameter(key, value, parameter.where)
        elif name != "node.session.auth.authmethod":  # follows from there being a login
            self.iscsi = self.iscsi._replace(parameters=(*self.iscsi.parameters, (name, value)))

    def take_discover(self, parameter: Parameter) -> None:
        """`rd.nvmf.discover=`"""
        self.subsystems.append(nvme.discover(parameter))

    def take_host_nqn(self, parameter: Parameter) -> None:
        """`rd.nvmf.hostnqn=`"""
        name, note = nvme.host_nqn(parameter)
        self.nvme = self.nvme._replace(host_nqn=name)
        if note is not None:
            raise note

    def take_host_id(self, parameter: Parameter) -> None:
        """`rd.nvmf.hostid=`"""
        self.nvme = self.nvme._replace(host_id=nvme.host_id(parameter))

    def take_without(self, name: str, parameter: Parameter) -> None:
        """`rd.nvmf.nonbft`, `rd.nvmf.nostatic`"""
        changes: dict[str, Any] = {name: not parameter.flag()}
        self.nvme = self.nvme._replace(**changes)

    def take_no_nvme(self, parameter: Parameter) -> None:
        """`rd.nonvmf`"""
        self.nvme = self.nvme._replace(on=not parameter.flag())

    @property
    def names_targets(self) -> bool:
        """True if parameters of their own, or the firmware, name iSCSI targets."""
        return bool(self.target) or self.iscsi.firmware

    def targets(self, problems: list[InputError]) -> tuple[IscsiRoot, ...]:
        """Return the iSCSI targets that have parameters of their own."""
        return iscsi.named(self.target, problems)

    def logged_in(
        self, targets: Iterable[Target], problems: list[InputError]
    ) -> tuple[Target, ...]:
        """Return the targets, those without a login of their own with the common one.

        Half a login is a problem, and none is used: the target decides. But if the target was to
        show who it is, nothing is logged in to.
        """
        common = Chap()
        try:
            common = iscsi.login(self.login) if self.login else common
        except InputError as error:
            problems.append(error)
            if any(key.endswith("_in") for key in self.login):
                targets = ()
        self.iscsi = self.iscsi._replace(login=common)
        found: list[Target] = [
            each._replace(login=common)
            if isinstance(each, IscsiRoot) and not each.login.username
            else each
            for each in targets
        ]
        return (*found, *(self.subsystems if self.nvme.on else ()))


_Take = Callable[[SessionWish, Parameter], None]


def _target(name: str) -> _Take:
    return lambda wish, parameter: wish.take_target(name, parameter)


def _login(name: str) -> _Take:
    return lambda wish, parameter: wish.take_login(name, parameter)


def _flag(name: str) -> _Take:
    return lambda wish, parameter: wish.take_flag(name, parameter)


def _checked(parameter: Parameter) -> None:
    """A flag without effect here."""
    parameter.flag()


def _without(name: str) -> _Take:
    return lambda wish, parameter: wish.take_without(name, parameter)


PARAMETERS: dict[str, _Take] = {
    "rd.iscsi.initiator": SessionWish.take_initiator,
    "iscsi-initiator": SessionWish.take_initiator,
    "rd.iscsi.target.name": _target("name"),
    "iscsi-target-name": _target("name"),
    "rd.iscsi.target.ip": _target("ip"),
    "iscsi-target-ip": _target("ip"),
    "rd.iscsi.target.port": _target("port"),
    "iscsi-target-port": _target("port"),
    "rd.iscsi.target.group": _target("group"),
    "iscsi-target-group": _target("group"),
    "rd.iscsi.username": _login("username"),
    "iscsi-username": _login("username"),
    "rd.iscsi.password": _login("password"),
    "iscsi-password": _login("password"),
    "rd.iscsi.in.username": _login("username_in"),
    "iscsi-in-username": _login("username_in"),
    "rd.iscsi.in.password": _login("password_in"),
    "iscsi-in-password": _login("password_in"),
    "rd.iscsi.firmware": _flag("firmware"),
    "iscsi-firmware": _flag("firmware"),
    "rd.iscsi.ibft": _flag("firmware_links"),
    "rd.iscsi.mp": _flag("all_firmware_links"),
    # No login waits for all links, and each is tried again until its portal is reached.
    "rd.iscsi.waitnet": lambda _wish, parameter: _checked(parameter),
    "rd.iscsi.testroute": lambda _wish, parameter: _checked(parameter),
    "iscsi-auto": SessionWish.take_auto,
    "rd.iscsi.login-retry-max": SessionWish.take_retries,
    "rd.iscsi.param": SessionWish.take_record,
    "iscsi-param": SessionWish.take_record,
    "rd.iscsi.transport": SessionWish.take_transport,
    "rd.nvmf.discover": SessionWish.take_discover,
    "nvmf.discover": SessionWish.take_discover,
    "rd.nvmf.hostnqn": SessionWish.take_host_nqn,
    "nvmf.hostnqn": SessionWish.take_host_nqn,
    "rd.nvmf.hostid": SessionWish.take_host_id,
    "nvmf.hostid": SessionWish.take_host_id,
    "rd.nvmf.nonbft": _without("firmware"),
    "rd.nvmf.nostatic": _without("static"),
    "rd.nonvmf": SessionWish.take_no_nvme,
}
# The kernel makes them variables of the environment, which is where Debian's script has them from,
# too: they are written in capitals, as in iscsi.initramfs.
PARAMETERS |= {
    key.upper(): take
    for key, take in PARAMETERS.items()
    if key.startswith("iscsi-") and key not in ("iscsi-firmware", "iscsi-param")  # of dracut
}
