"""NVMe over TCP: `rd.nvmf.*` of dracut.cmdline(7)."""

import re

from initpy.config.commandline import Parameter
from initpy.config.network import fields
from initpy.core.netsettings import NvmeRoot

FORM = "tcp,ADDRESS[,[HOST-ADDRESS][,PORT]]"
NQN = re.compile(r"nqn\.[0-9]{4}-[0-9]{2}\.\S{1,211}")
UUID = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
PORT = 8009  # of discovery controllers (NVMe over TCP)


def discover(parameter: Parameter) -> NvmeRoot:
    """`rd.nvmf.discover=`"""
    transport, *rest = parameter.text(FORM).split(",")
    if transport in ("rdma", "fc"):
        raise parameter.error(f"{FORM} ({transport} is not supported)")
    address, own, port = (*rest, "", "", "")[:3]
    found = fields.address(address)
    source = fields.address(own) if own else None
    number = fields.number(port, fields.PORTS) if port else PORT
    if transport != "tcp" or found is None or (own and source is None) or number is None:
        raise parameter.error(FORM)
    if len(rest) > 3:
        raise parameter.error(FORM)
    return NvmeRoot(transport, str(found), str(source) if source else "", number)


def host_nqn(parameter: Parameter) -> str:
    """`rd.nvmf.hostnqn=`"""
    text = parameter.text("the NQN of this machine")
    if not NQN.fullmatch(text):
        raise parameter.error("a name such as nqn.2014-08.org.nvmexpress:uuid:…")
    return text


def host_id(parameter: Parameter) -> str:
    """`rd.nvmf.hostid=`"""
    text = parameter.text("a UUID")
    if not UUID.fullmatch(text):
        raise parameter.error("a UUID")
    return text.lower()
