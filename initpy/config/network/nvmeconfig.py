"""The connections in nvme-cli's /etc/nvme/config.json: hosts, their subsystems, and ports of these.

config-schema.json of libnvme, which writes the file, too (nvme-connect-all(1), --dump-config).
nvme-cli reads the secrets in it itself; nothing here has them.
"""

import json
from collections.abc import Iterator
from typing import Any

PATH = "/etc/nvme/config.json"
DISCOVERY_NQN = "nqn.2014-08.org.nvmexpress.discovery"
KEPT = ("transport", "traddr", "trsvcid", "host_traddr", "discovery")
EXPECTED = "the JSON of nvme-cli: hosts with subsystems with ports"


class MalformedError(ValueError):
    """The file is no such JSON."""


def without_secrets(text: str) -> str:
    """Return the file with what is read here alone; empty if it is not understood."""
    try:
        kept = [
            {"hostnqn": host, "subsystems": [{"nqn": name, "ports": [_kept(port)]}]}
            for host, name, port in ports(text)
        ]
    except MalformedError:
        return ""
    return json.dumps({"hosts": kept})


def _kept(port: dict[str, Any]) -> dict[str, Any]:
    return {key: port[key] for key in KEPT if key in port}


def ports(text: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the name of the host, that of the subsystem ("": a discovery controller), and a port.

    Raises MalformedError.
    """
    try:
        table = json.loads(text)
        # Older versions have the hosts themselves.
        hosts = table["hosts"] if isinstance(table, dict) else table
        for host in hosts:
            for subsystem in host.get("subsystems") or ():
                for port in subsystem.get("ports") or ():
                    name = str(subsystem["nqn"])
                    discovers = name == DISCOVERY_NQN or port.get("discovery") is True
                    yield str(host.get("hostnqn", "")), "" if discovers else name, dict(port)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise MalformedError(str(error)) from None
