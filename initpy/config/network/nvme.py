"""NVMe over TCP: `rd.nvmf.*` of dracut.cmdline(7), and what /etc/nvme says of a machine.

The files are nvme-cli's: nvme-discover(1) for discovery.conf, nvme-gen-hostnqn(1) for hostnqn.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise

from initpy.config.commandline import Parameter
from initpy.config.errors import InputError
from initpy.config.network import fields, nvmeconfig
from initpy.core.netfields import NVME_NAME
from initpy.core.netsettings import NetworkSettings, Nvme, NvmeRoot
from initpy.core.settings import Settings

FORM = "tcp,SERVER[,[HOST-ADDRESS][,PORT]]"
NQN = re.compile(r"nqn\.[0-9]{4}-[0-9]{2}\.\S{1,211}")
USED = "; it is used all the same"
NAME = "a name such as nqn.2014-08.org.nvmexpress:uuid:…"
UUID = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
OF_UUID = "nqn.2014-08.org.nvmexpress:uuid:"  # what follows in such an NQN is the machine's UUID
HOST_NQN, HOST_ID = "/etc/nvme/hostnqn", "/etc/nvme/hostid"
DISCOVERY = "/etc/nvme/discovery.conf"
FILES = (HOST_NQN, HOST_ID, DISCOVERY, nvmeconfig.PATH)
MACHINE = "uuid"  # among the files: the machine's own UUID, for a name where there is none
LINE = "--transport=tcp --traddr=SERVER [--host-traddr=ADDRESS] [--trsvcid=PORT]"
OPTIONS = {
    "-t": "transport", "--transport": "transport", "-a": "traddr", "--traddr": "traddr",
    "-w": "host-traddr", "--host-traddr": "host-traddr", "-s": "trsvcid", "--trsvcid": "trsvcid",
}  # fmt: skip


def discover(parameter: Parameter) -> NvmeRoot:
    """`rd.nvmf.discover=`"""
    transport, *rest = parameter.text(FORM).split(",")
    if transport in ("rdma", "fc"):
        raise parameter.error(f"{FORM} ({transport} is not supported)")
    address, own, port = (*rest, "", "", "")[:3]
    found = _controller(address, own, port)
    if transport != "tcp" or found is None or len(rest) > 3:
        raise parameter.error(FORM)
    return found


def _controller(address: str, own: str, port: str) -> NvmeRoot | None:
    """Return the controller at an address; None if a part of it is malformed."""
    found = fields.server(address) if address not in ("", "none") else None
    # dracut and nvme-cli write "none" where an address is left out.
    source = fields.address(own) if own not in ("", "none") else None
    number = fields.number(port, fields.PORTS) if port not in ("", "none") else 0
    if found is None or number is None or (own not in ("", "none") and source is None):
        return None
    return NvmeRoot("tcp", found, str(source) if source is not None else "", number)


def host_nqn(parameter: Parameter) -> tuple[str, InputError | None]:
    """`rd.nvmf.hostnqn=`, and a note if it is not of the form that it should have."""
    text = parameter.text("the NQN of this machine")
    if not NVME_NAME.fullmatch(text):
        raise parameter.error(NAME)
    return text, None if NQN.fullmatch(text) else parameter.error(NAME + USED)


def host_id(parameter: Parameter) -> str:
    """`rd.nvmf.hostid=`"""
    text = parameter.text("a UUID")
    if not UUID.fullmatch(text):
        raise parameter.error("a UUID")
    return text.lower()


def without_secrets(files: Mapping[str, str]) -> dict[str, str]:
    """Return the files as a journal may have them; what of config.json is malformed stays that."""
    found = dict(files)
    if nvmeconfig.PATH in found:
        found[nvmeconfig.PATH] = nvmeconfig.without_secrets(found[nvmeconfig.PATH]) or "?"
    return found


def may_count(settings: Settings) -> bool:
    """Return whether the files in /etc/nvme count: a block device is, or may be, on the network."""
    network = settings.network
    if network is None or not network.nvme.on:
        return False
    mounted = network.root is not None or network.from_dhcp
    return _named(network) or (network.nvme.static and not mounted)


def _named(network: NetworkSettings) -> bool:
    return any(isinstance(each, NvmeRoot) for each in network.targets)


def applied(
    settings: Settings, files: Mapping[str, str]
) -> tuple[Settings, tuple[InputError, ...]]:
    """Return the settings with what the image's files say of NVMe, and what of it is malformed.

    `files`: those of FILES that are there, by path, and MACHINE.
    """
    network = settings.network
    if network is None or not may_count(settings):
        return settings, ()
    problems: list[InputError] = []
    if network.nvme.static:
        static = [
            *_static(files.get(DISCOVERY, ""), problems),
            *_configured(files, _host(network.nvme, files, []).host_nqn, problems),
        ]
        more = dict.fromkeys(each for each in static if each not in network.targets)
        network = network._replace(targets=(*network.targets, *more))
    if _named(network):
        network = network._replace(nvme=_host(network.nvme, files, problems))
    return settings._replace(network=network), tuple(problems)


def _host(nvme: Nvme, files: Mapping[str, str], problems: list[InputError]) -> Nvme:
    """Name this machine: as the command line says, as the files say, or after its UUID."""
    machine = files.get(MACHINE, "").strip().lower()
    name, number = nvme.host_nqn, nvme.host_id
    if not name and (name := files.get(HOST_NQN, "").strip()) and not NQN.fullmatch(name):
        usable = NVME_NAME.fullmatch(name) is not None
        problems.append(InputError(HOST_NQN, name, NAME + USED if usable else NAME))
        name = name if usable else ""
    if not number and (number := files.get(HOST_ID, "").strip()) and not UUID.fullmatch(number):
        problems.append(InputError(HOST_ID, number, "a UUID"))
        number = ""
    name = name or OF_UUID + machine
    own = name.removeprefix(OF_UUID)
    number = number or (own if UUID.fullmatch(own) else machine)
    return nvme._replace(host_nqn=name, host_id=number.lower())


def _static(text: str, problems: list[InputError]) -> Iterator[NvmeRoot]:
    """Yield the controllers that discovery.conf names; nvme-cli splits its lines so."""
    for number, line in enumerate(text.splitlines(), 1):
        words = re.split("[ =\t]+", line.strip())
        if words == [""] or line.startswith("#"):
            continue
        known = {OPTIONS[word]: value for word, value in pairwise(words) if word in OPTIONS}
        place, transport = f"{DISCOVERY}:{number}", known.get("transport", "")
        if transport in ("rdma", "fc"):
            problems.append(InputError(place, line, f"{LINE} ({transport} is not supported)"))
            continue
        found = _controller(
            known.get("traddr", ""), known.get("host-traddr", ""), known.get("trsvcid", "")
        )
        if transport != "tcp" or found is None:
            problems.append(InputError(place, line, LINE))
        else:
            yield found


def _configured(
    files: Mapping[str, str], host: str, problems: list[InputError]
) -> Iterator[NvmeRoot]:
    """Yield what config.json has for this host, in its order."""
    text = files.get(nvmeconfig.PATH, "")
    if not text.strip():
        return
    try:
        found = list(nvmeconfig.ports(text))
    except nvmeconfig.MalformedError:
        problems.append(InputError(nvmeconfig.PATH, "", nvmeconfig.EXPECTED))
        return
    for own, name, port in found:
        known = {key: str(port.get(key) or "") for key in nvmeconfig.KEPT}
        if own not in ("", host) or known["transport"] != "tcp":
            continue
        each = _controller(known["traddr"], known["host_traddr"], known["trsvcid"])
        if each is None or (name and not NVME_NAME.fullmatch(name)):
            shown = f"{known['traddr']} {known['trsvcid']} {name}"
            problems.append(InputError(nvmeconfig.PATH, shown, "address, port, and NQN"))
        else:
            yield each._replace(subsystem=name, port=each.port or (4420 if name else 0))
