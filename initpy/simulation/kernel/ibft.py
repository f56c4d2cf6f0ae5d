"""The firmware's table for iSCSI boot, as the kernel shows it below /sys/firmware/ibft.

Which files there are, and how values are printed: drivers/firmware/iscsi_ibft.c.
"""

from ipaddress import ip_interface

from initpy.scenario.model import Scenario

BOOTED_FROM, VALID_ONLY = "3", "1"
STATIC, DHCP = "1", "3"


def files(scenario: Scenario) -> dict[str, str]:
    """Return the files by their path below that folder; none without a table."""
    table = scenario.ibft
    if table is None:
        return {}
    found = {"initiator/flags": BOOTED_FROM, "initiator/initiator-name": table.initiator}
    for number, path in enumerate(table.paths):
        flags = VALID_ONLY if number else BOOTED_FROM
        server = next(each for each in scenario.servers if each.name == path.server)
        place = next(n for n, each in enumerate(scenario.nics) if each.name == path.nic)
        card = {"flags": flags, "index": str(number), "origin": DHCP, "vlan": str(path.vlan)}
        card["mac"] = f"52:54:00:00:00:{place:02x}"
        if path.address:
            own = ip_interface(path.address)
            card |= {"origin": STATIC, "ip-addr": str(own.ip), "subnet-mask": str(own.netmask)}
        card |= {"gateway": path.gateway} if path.gateway else {}
        login = dict(zip(("chap-name", "chap-secret"), server.login, strict=False))
        login |= dict(zip(("rev-chap-name", "rev-chap-name-secret"), server.login_in, strict=False))
        target = {
            "flags": flags,
            "ip-addr": server.address,
            "port": str(server.port),
            "lun": f"0{path.unit:x}000000",
            "chap-type": "2" if server.login_in else "1" if server.login else "0",
            "nic-assoc": str(number),
            "target-name": server.target,
            **login,
        }
        found |= {f"ethernet{number}/{name}": text for name, text in card.items()}
        found |= {f"target{number}/{name}": text for name, text in target.items()}
    return {path: f"{text}\n" for path, text in found.items() if text}
