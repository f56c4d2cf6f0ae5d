"""A root that a server exports (R15, R16): links, leases, the mount and its tries."""

import errno
from collections.abc import Iterable
from ipaddress import ip_address, ip_interface
from typing import Any

from desk import JOBS, Desk, block

from initpy.config.jobs import load_job_file
from initpy.core.actions import HandOver, Mount, Record
from initpy.core.devices.graph import NET, Device
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.events import JobEnded, Mounted
from initpy.core.netsettings import (
    LinkMatch,
    LinkRequest,
    Method,
    NbdRoot,
    NetworkSettings,
    NfsRoot,
)
from initpy.core.network.actions import Configure, RenameLink, SendDhcp, SwitchLink
from initpy.core.network.events import DhcpReceived, LinkConfigured
from initpy.core.network.values import DhcpKind, LinkConfig, Reply, Route
from initpy.core.settings import Settings

NFS = NfsRoot("10.0.2.1", "/srv/root")


def link(name: str = "eth0", carrier: bool = True, up: bool = True) -> Device:
    """A network card as the kernel shows it."""
    known = {
        "SUBSYSTEM": "net",
        "address": f"52:54:00:00:00:0{name[-1]}",
        "type": "1",
        "up": "1" if up else "0",
        "carrier": "1" if carrier and up else "0",
    }
    return Device(f"net/{name}", known, kind=NET)


def network(**changes: Any) -> Settings:
    """Settings with an NFS root and ip=dhcp."""
    wanted = NetworkSettings(links=(LinkRequest(),), root=NFS)._replace(**changes)
    return Settings(network=wanted)


class NetDesk(Desk):
    """A desk with a network."""

    def sent(self, name: str = "eth0") -> list[tuple[float, DhcpKind]]:
        """The DHCP messages that a link has sent."""
        return [
            (when, each.request.kind)
            for when, each in self.log
            if isinstance(each, SendDhcp) and each.link == name
        ]

    def reply(self, kind: DhcpKind, name: str = "eth0", **fields: Any) -> None:
        """A server answers the last message of a link."""
        last = [each for _, each in self.log if isinstance(each, SendDhcp) and each.link == name][
            -1
        ]
        known = {"address": "10.0.2.15", "server": "10.0.2.2", "prefix": 24, "lease": 3600.0}
        reply = Reply(kind, last.request.xid, **{**known, **fields})
        self.give(DhcpReceived(name, reply))

    def lease(self, name: str = "eth0", **fields: Any) -> None:
        """A server gives a link a lease."""
        self.reply(DhcpKind.OFFER, name, **fields)
        self.reply(DhcpKind.ACK, name, **fields)

    def configured(self, name: str = "eth0", error: str = "") -> None:
        """The runtime has done what it was last told about the link."""
        last = [each for _, each in self.log if isinstance(each, Configure) and each.link == name][
            -1
        ]
        self.give(LinkConfigured(name, last.number, error))

    def configs(self, name: str = "eth0") -> list[LinkConfig]:
        """What a link was to have."""
        return [
            each.config for _, each in self.log if isinstance(each, Configure) and each.link == name
        ]

    def mounts(self) -> list[Mount]:
        """The mounts so far."""
        return [each for _, each in self.log if isinstance(each, Mount)]

    def mounted(self, status: int = 0, error: str = "") -> None:
        """The last mount has ended."""
        last = self.mounts()[-1]
        self.give(JobEnded(last.job, last.run, status, error=error))
        if not status:
            self.give(Mounted(last.target, last.source))


def up(asked: Settings | None = None, names: Iterable[str] = ("eth0",)) -> NetDesk:
    """A desk whose links are up and have a carrier."""
    desk = NetDesk(asked or network())
    for name in names:
        desk.see(link(name, up=False))
    for name in names:
        desk.see(link(name))
    return desk


def test_a_link_is_switched_on_and_asks_for_a_lease_once_it_has_a_carrier() -> None:
    desk = NetDesk(network())
    desk.see(link(up=False))
    assert desk.actions(SwitchLink) == [(0.0, SwitchLink("eth0", True))]
    desk.see(link(carrier=False))
    assert desk.sent() == []
    desk.see(link(), at=3.0)
    assert desk.sent() == [(3.0, DhcpKind.DISCOVER)]


def test_a_root_by_dhcp_is_mounted_and_handed_over_to() -> None:
    desk = up()
    desk.lease(routers=("10.0.2.2",))
    [config] = desk.configs()
    assert config == LinkConfig(("10.0.2.15/24",), (Route("0.0.0.0/0", "10.0.2.2"),))
    assert desk.mounts() == []
    desk.configured()
    [mount] = desk.mounts()
    assert mount.source == "10.0.2.1:/srv/root" and mount.types == ("nfs4",)
    assert mount.options == ("ro", "vers=4.2", "addr=10.0.2.1", "clientaddr=10.0.2.15")
    desk.mounted()
    assert len(desk.actions(HandOver)) == 1


def test_a_server_of_version_3_is_asked_for_the_older_ones_in_turn() -> None:
    desk = up()
    desk.lease()
    desk.configured()
    for _ in range(3):
        desk.mounted(errno.EPROTONOSUPPORT)
    assert [each.types[0] for each in desk.mounts()] == ["nfs4", "nfs4", "nfs4", "nfs"]
    assert {"vers=3", "nolock", "proto=tcp"} <= set(desk.mounts()[-1].options)


def test_a_server_that_is_down_is_tried_again_and_told_of_once() -> None:
    desk = up()
    desk.lease()
    desk.configured()
    while desk.now < 60.0:
        if len(desk.mounts()) == len(desk.actions(Mount)) and desk.mounts():
            desk.mounted(errno.ECONNREFUSED)
        before = len(desk.mounts())
        while len(desk.mounts()) == before:
            desk.wait(desk.now + 0.5)
    assert 8 <= len(desk.mounts()) <= 14
    assert desk.reports().count("no NFS server runs there") == 1
    desk.mounted()
    assert len(desk.actions(HandOver)) == 1


def test_an_offer_without_a_root_does_not_end_the_search_for_one() -> None:
    desk = up(network(root=None, from_dhcp=True))
    desk.reply(DhcpKind.OFFER, server="10.0.2.66")
    assert [kind for _, kind in desk.sent()] == [DhcpKind.DISCOVER]
    desk.lease(root_path="10.0.2.1:/srv/root")
    desk.configured()
    assert desk.mounts()[-1].source == "10.0.2.1:/srv/root"


def test_the_address_moves_to_the_link_that_leads_to_the_root() -> None:
    desk = up(names=("eth0", "eth1"))
    desk.lease("eth0")
    desk.configured("eth0")
    desk.lease("eth1", address="10.0.3.7")
    assert desk.configs("eth1") == []
    desk.mounted(errno.EHOSTUNREACH)
    assert desk.configs("eth0")[-1] == LinkConfig()
    assert desk.configs("eth1")[-1].addresses == ("10.0.3.7/24",)
    desk.configured("eth1")
    assert len(desk.mounts()) == 2
    desk.mounted()
    assert desk.actions(SwitchLink)[-1][1] == SwitchLink("eth0", False)


def test_a_static_link_needs_no_server() -> None:
    request = LinkRequest(
        LinkMatch("eth0"),
        Method.STATIC,
        ip_interface("10.0.2.9/24"),
        gateway=ip_address("10.0.2.2"),
    )
    desk = up(network(links=(request,)))
    assert desk.sent() == []
    assert desk.configs() == [LinkConfig(("10.0.2.9/24",), (Route("0.0.0.0/0", "10.0.2.2"),))]


def test_discovery_is_repeated_with_the_same_number_and_late_offers_count() -> None:
    desk = up()
    desk.wait(40.0)
    sent = [each.request for _, each in desk.log if isinstance(each, SendDhcp)]
    assert [when for when, _ in desk.sent()] == [0.0, 4.0, 12.0, 20.0, 28.0, 36.0]
    assert len({each.xid for each in sent}) == 1
    desk.lease()
    desk.configured()
    assert len(desk.mounts()) == 1


def test_a_lease_that_is_not_renewed_leaves_the_address_of_a_mounted_root() -> None:
    desk = NetDesk(network()._replace(breaks=frozenset()))
    for each in (link(up=False), link()):
        desk.see(each)
    desk.lease(lease=120.0)
    desk.configured()
    desk.wait(200.0)  # the mount takes its time
    assert [kind for _, kind in desk.sent()].count(DhcpKind.REQUEST) >= 3
    assert desk.configs()[-1] == LinkConfig()  # nothing is mounted: the address may be another's


def test_another_engine_keeps_the_lease() -> None:
    desk = up()
    desk.lease(lease=120.0)
    records = [each for _, each in desk.log if isinstance(each, Record)]
    record = [each.text for each in records if each.name == "lease.eth0"][-1]
    later = NetDesk(network())
    device = link()
    later.see(device._replace(properties={**device.properties, "lease": record}))
    assert later.sent() == [(0.0, DhcpKind.REQUEST)]
    assert later.configs()[0].addresses == ("10.0.2.15/24",)


def test_no_card_is_touched_that_nobody_asked_for() -> None:
    desk = NetDesk(network(links=(LinkRequest(LinkMatch("eth1")),)))
    desk.see(link("eth0", up=False))
    assert desk.actions(SwitchLink) == []


def test_an_nbd_export_is_connected_once_a_link_is_ready_and_again_if_that_fails() -> None:
    target = NbdRoot("10.0.2.100", export="root")
    wanted = NetworkSettings(links=(LinkRequest(),), targets=(target,))
    root = DeviceSpec(Naming.PATH, "/dev/nbd0")
    nbd = load_job_file(JOBS / "extra" / "nbd.toml").jobs
    desk = NetDesk(Settings(root=root, network=wanted), also=nbd)
    desk.end("nbd-driver")
    desk.see(block("nbd0", size="0"), link(up=False), link())
    desk.lease()
    desk.configured()
    [run] = desk.runs("nbd-connect@target/nbd0")
    assert run.argv[:4] == ("nbd-client", "10.0.2.100", "10809", "/dev/nbd0")
    desk.end(run.job, status=1)
    desk.wait(desk.now + 3.0)
    assert len(desk.runs("nbd-connect@target/nbd0")) == 2
    assert desk.mounts() == []
    desk.see(block("nbd0", size="131072", ID_FS_TYPE="ext4", ID_FS_USAGE="filesystem"))
    assert desk.mounts()[-1].source == "/dev/nbd0"


def test_what_is_not_supported_is_said() -> None:
    desk = NetDesk(network(links=(LinkRequest(method=Method.DHCP6),)))
    assert "not supported: ip=any link:dhcp6" in desk.reports()


def test_a_link_gets_the_name_of_ifname_before_anything_else() -> None:
    request = LinkRequest(LinkMatch("storage"))
    names = (("52:54:00:00:00:00", "storage"),)
    desk = NetDesk(network(links=(request,), names=names))
    desk.see(link(up=False))
    assert [each for _, each in desk.actions(RenameLink)] == [RenameLink("eth0", "storage")]
    assert desk.actions(SwitchLink) == []
    desk.lose("net/eth0")
    renamed = link(up=False)
    desk.see(renamed._replace(name="net/storage"))
    assert [each for _, each in desk.actions(SwitchLink)] == [SwitchLink("storage", True)]


def test_a_link_that_cannot_be_renamed_keeps_its_name_and_is_used() -> None:
    desk = NetDesk(network(names=(("52:54:00:00:00:00", "storage"),)))
    desk.see(link(up=False))
    desk.lose("net/eth0")
    desk.see(link(up=False))
    assert [each for _, each in desk.actions(SwitchLink)] == [SwitchLink("eth0", True)]


def renewing() -> NetDesk:
    """A desk whose link renews its lease of 10.0.2.2."""
    desk = up()
    desk.lease(lease=100.0)
    desk.configured()
    desk.mounted(errno.ECONNREFUSED)
    desk.wait(51.0)
    assert len(desk.sent()) == 3
    return desk


def test_another_server_cannot_change_a_lease_that_is_renewed() -> None:
    desk = renewing()
    desk.reply(DhcpKind.ACK, server="10.0.2.9", address="10.0.2.99")
    assert len(desk.configs()) == 1
    desk.reply(DhcpKind.NAK, server="10.0.2.9")
    assert "lost" not in desk.reports()
    desk.reply(DhcpKind.ACK, lease=100.0)
    desk.wait(60.0)
    assert len(desk.configs()) == 1 and "lost" not in desk.reports()


def test_a_refusal_of_another_server_counts_if_that_of_the_lease_is_silent() -> None:
    desk = renewing()
    desk.reply(DhcpKind.NAK, server="10.0.2.9")
    desk.wait(56.0)
    assert "the lease is lost, asking again" in desk.reports()
