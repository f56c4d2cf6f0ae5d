"""Network boots that users of dracut, initramfs-tools and mkinitcpio have reported as failing.

Each is simulated with the servers that its report has: the command line is the reporter's but for
addresses and names. The servers are at 10.0.2.1 and fd00:0:0:2::1, on the network of eth0.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from initpy.scenario.model import Outcome
from initpy.scenario.network import PORTS
from initpy.scenario.parse import load_scenario
from initpy.scenario.servers import Nic, Server, Times, machine_address, machine_address_6
from initpy.simulation.machine.run import simulate

BASE = load_scenario(Path(__file__).parents[1] / "scenarios" / "net-nfs-dhcp.toml")
FOUR, SIX = machine_address("eth0"), machine_address_6("eth0")
MAC = "52:54:00:00:00:00"


def files(address: str = FOUR, **changes: object) -> Server:
    """An NFS server that exports root."""
    plain = Server("files", "nfs", ("root",), "eth0", address, 2049, export="/srv/root")
    return replace(plain, **changes)  # type: ignore[arg-type]  # of any field


def leases(root_path: str = "", up: float = 0.0) -> Server:
    """A DHCP server."""
    return Server("leases", "dhcp", (), "eth0", FOUR, PORTS["dhcp"], Times(up), root_path=root_path)


def router(up: float = 0.0) -> Server:
    """A router whose advertisements give addresses."""
    return Server("gate", "router", (), "eth0", SIX, PORTS["router"], Times(up))


REPORTED = {
    # dracutdevs/dracut 92: brackets and options of an IPv6 server were mixed up
    "IPv6 server with options after a colon": (
        f"ip=eth0:auto6 root=nfs:[{SIX}]:/srv/root:vers=3,proto=tcp6",
        (router(), files(SIX, versions=("3",)))),
    # dracutdevs/dracut 700: advertisements beside a lease, and words of two initramfs at once
    "boot=nfs beside root=nfs:": (
        f"root=nfs:{FOUR}:/srv/root,rw,nfsvers=3 /dev/nfs initrd=initrd.img ip=dhcp boot=nfs",
        (leases(), files())),
    "a lease that comes late beside an IPv6 root": (
        f"root=nfs:[{SIX}]:/srv/root ip=dhcp,auto6", (leases(up=30.0), router(), files(SIX))),
    # warewulf/warewulf 2233: IPv6 alone where ip=dhcp would wait for a lease for ever
    "a named card with IPv6 alone": (
        f"rd.neednet=1 ifname=eth0:{MAC} ip=eth0:auto6 root=nfs:[{SIX}]:/srv/root",
        (router(), files(SIX))),
    "a named card with both": (
        f"rd.neednet=1 ifname=eth0:{MAC} ip=eth0:dhcp ip=eth0:auto6 root=nfs:{FOUR}:/srv/root",
        (leases(), files())),
    "no ip= at all, and an IPv6 server": (
        f"root=nfs4:[{SIX}]:/srv/root", (router(), files(SIX))),
    # archlinux/mkinitcpio 68: the kernel's fields, and a root that only nfsroot= names
    "nfsroot= with the kernel's fields": (
        f"root=/dev/nfs ip=:::::eth0:dhcp nfsroot={FOUR}:/srv/root", (leases(), files())),
    # Tech-Byte-Tips/RPi-PXE 12
    "a Raspberry Pi's line": (
        f"console=serial0,115200 console=tty1 root=/dev/nfs nfsroot={FOUR}:/srv/root,vers=4.1,"
        "proto=tcp rw ip=dhcp rootwait elevator=deadline", (leases(), files())),
    # OE4T/meta-tegra 383: rootfstype= beside it
    "rootfstype=nfs beside /dev/nfs": (
        f"root=/dev/nfs rootfstype=nfs ip=dhcp nfsroot={FOUR}:/srv/root", (leases(), files())),
    "/dev/nfs4 and the root of the name space": (
        f"root=/dev/nfs4 nfsroot={FOUR}:/ ip=dhcp", (leases(), files(pseudo_root=True))),
    # dracutdevs/dracut 961: several cards, one with a lease
    "single-dhcp with a second card": (
        f"ip=single-dhcp root=nfs:{FOUR}:/srv/root", (leases(), files())),
    "another card kept down": (
        f"ip=eth0:dhcp ip=eth1:off root=nfs:{FOUR}:/srv/root", (leases(), files())),
    "NetworkManager's none for another card": (
        f"ip=eth0:dhcp ip=eth1:none root=nfs:{FOUR}:/srv/root", (leases(), files())),
    # raspberrypi/linux 589: a fixed address on a cable that comes late
    "a fixed link-local address": (
        f"ip=169.254.3.14:::::eth0:none ip=10.0.2.9:::24::eth0:none root=nfs:{FOUR}:/srv/root",
        (files(),)),
    "a time server at the end": (
        f"ip=::::node:eth0:dhcp:::10.0.2.4 root=nfs:{FOUR}:/srv/root", (leases(), files())),
    "netroot= beside root=/dev/nfs": (
        f"netroot=nfs:{FOUR}:/srv/root root=/dev/nfs ip=dhcp", (leases(), files())),
}  # fmt: skip


@pytest.mark.parametrize(("cmdline", "servers"), REPORTED.values(), ids=list(REPORTED))
def test_what_failed_elsewhere_boots(cmdline: str, servers: tuple[Server, ...]) -> None:
    scenario = replace(
        BASE,
        nics=(Nic("eth0"), Nic("eth1")),
        servers=servers,
        cmdline=f"net.ifnames=0 {cmdline} rootdelay=90",
        expect=replace(BASE.expect, within=120.0),
    )
    done = simulate(scenario)
    assert done.outcome is Outcome.BOOTED, done.console[-2000:]
    assert done.ended < 20.0
    assert "expected" not in done.console
