"""The disks that servers have, and what udev's programs say of them."""

import re

from initpy.scenario.model import Scenario
from initpy.scenario.servers import Server, namespace_uuid, unit_serial
from initpy.simulation.world.plans import (
    DiskPlan,
    Place,
)

BUSES = {"nvme": "nvme-tcp"}  # of servers' disks; the kernel has NVMe disks of its own


def portal_of(scenario: Scenario, server: Server) -> tuple[str, int]:
    """Where the user knows a server, which the kernel keeps: by its name, or before it moved."""
    fronts = (each for each in scenario.servers if each.moved_to == server.name)
    front = next(fronts, server)
    names = (each.resolves for each in scenario.servers if each.address == front.address)
    told = next((each for each in names if each and each in scenario.cmdline), front.address)
    if zone := re.search(rf"{re.escape(front.address)}%([^\]]+)\]", scenario.cmdline):
        told = f"{front.address}_{zone[1]}"  # udev replaces what no link may have
    return told, front.port


def disk_of_server(server: Server, name: str, place: Place, portal: tuple[str, int]) -> DiskPlan:
    """A disk that a server has; what udev's programs say of it is the protocol's."""
    plan = DiskPlan(name, place, BUSES.get(server.kind, server.kind), False, place.name)
    plan.probed = {}, frozenset()  # a network block device has no name of its own
    if server.kind == "iscsi":
        unit = server.serves.index(name)
        unit += not server.on_a_machine  # number 0 is the controller of many targets
        where = f"ip-{portal[0]}:{portal[1]}-iscsi-{server.target}-lun-{unit}"
        # LIO: spc_gen_naa_6h_vendor_specific(); the 3 before it is udev for "NAA".
        short = f"6001405{unit_serial(place.name)}" if server.on_a_machine else name
        serial = f"3{short}" if server.on_a_machine else name
        known = {"ID_SERIAL": serial, "ID_SERIAL_SHORT": short, "ID_BUS": "scsi", "ID_PATH": where}
        links = {f"/dev/disk/by-id/scsi-{serial}", f"/dev/disk/by-path/{where}"}
        if server.on_a_machine:
            plan.wwn = short
            known["ID_WWN_WITH_EXTENSION"] = f"0x{short}"
            links.add(f"/dev/disk/by-id/wwn-0x{short}")
        plan.probed = known, frozenset(links)
    if server.kind == "nvme":
        serial, world_wide = f"Linux_{name}", f"uuid.{namespace_uuid(name)}"
        known = {"ID_SERIAL": f"{serial}_1", "ID_SERIAL_SHORT": name, "ID_MODEL": "Linux",
                 "ID_WWN": world_wide, "ID_NSID": "1"}  # fmt: skip
        ends = (serial, f"{serial}_1", world_wide)
        plan.probed = known, frozenset(f"/dev/disk/by-id/nvme-{each}" for each in ends)
    return plan
