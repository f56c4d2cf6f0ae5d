"""A root that a server exports (R15, R16): links, leases, the mount and its tries."""

import errno
from collections.abc import Iterable
from ipaddress import ip_address, ip_interface
from typing import Any

import pytest
from desk import Desk, block

from initpy.core.actions import HandOver, Mount, Record, Stop
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
    NinePRoot,
)
from initpy.core.network.actions import (
    AcceptRouters,
    Configure,
    RenameLink,
    Resolve,
    SendDhcp,
    SwitchLink,
)
from initpy.core.network.events import DhcpReceived, LinkConfigured, Resolved
from initpy.core.network.values import DhcpKind, LinkConfig, Reply, Route
from initpy.core.settings import Settings
from initpy.report.tree import render

NFS = NfsRoot("10.0.2.1", "/srv/root")


def link(name: str = "eth0", carrier: bool = True, up: bool = True, mac: str = "") -> Device:
    """A network card as the kernel shows it."""
    known = {
        "SUBSYSTEM": "net",
        "address": mac or f"52:54:00:00:00:0{name[-1]}",
        "type": "1",
        "ifindex": "2",
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


NEW_MAC = "52:54:00:00:00:99"


@pytest.mark.parametrize(
    "match", [LinkMatch("eth0"), LinkMatch(mac="52:54:00:00:00:00")], ids=["name", "mac"]
)
def test_a_link_gets_the_mac_address_of_its_request_before_it_is_switched_on(
    match: LinkMatch,
) -> None:
    asked = network(links=(LinkRequest(match, Method.DHCP, mac=NEW_MAC),))
    desk = NetDesk(asked)
    desk.see(link(up=False))
    assert desk.actions(SwitchLink) == [(0.0, SwitchLink("eth0", True, NEW_MAC))]
    desk.see(link(up=False, mac=NEW_MAC))
    assert desk.actions(SwitchLink)[-1] == (0.0, SwitchLink("eth0", True))
    desk.see(link(mac=NEW_MAC), at=3.0)
    assert desk.sent() == [(3.0, DhcpKind.DISCOVER)]
    # An engine that comes later finds it so.
    later = NetDesk(asked)
    later.see(link(mac=NEW_MAC))
    assert later.sent() == [(0.0, DhcpKind.DISCOVER)]
    assert later.actions(SwitchLink) == []


def test_a_link_that_cannot_have_another_mac_address_is_used_with_its_own() -> None:
    desk = NetDesk(network(links=(LinkRequest(LinkMatch("eth0"), mac=NEW_MAC),)))
    desk.see(link(up=False))
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


def test_networkmanager_is_told_which_connection_the_link_has() -> None:
    """Without the file for the link's number it takes the link for another program's."""
    desk = up()
    desk.lease()
    desk.configured()
    desk.mounted()
    records = [each for _, each in desk.log if isinstance(each, Record)]
    found = {f"{each.folder}/{each.name}": each.text for each in records}
    assert "connection-uuid=b7e1c0de-" in found["/run/NetworkManager/devices/2"]


def test_the_name_of_a_server_is_resolved_and_asked_for_again() -> None:
    desk = up(network(root=NfsRoot("files.example", "/srv/root")))
    desk.lease(dns=("10.0.2.2",))
    desk.configured()
    assert [each for _, each in desk.log if isinstance(each, Resolve)] == [Resolve("files.example")]
    desk.give(Resolved("files.example", (), "Name or service not known"))
    assert "files.example: Name or service not known" in desk.reports()
    desk.wait(desk.now + 3)
    assert len(desk.actions(Resolve)) == 2
    desk.give(Resolved("files.example", ("10.0.2.1",)))
    (mount,) = desk.mounts()
    assert mount.source == "files.example:/srv/root"
    assert "addr=10.0.2.1" in mount.options


def test_all_addresses_of_a_server_are_tried_in_turn_and_then_it_is_asked_for_anew() -> None:
    desk = up(network(root=NfsRoot("files.example", "/srv/root")))
    desk.lease(dns=("10.0.2.2",))
    desk.configured()
    desk.give(Resolved("files.example", ("10.0.2.8", "10.0.2.1", "fd00::1")))
    desk.wait(desk.now + 6)  # the kernel would go on asking
    assert len(desk.actions(Stop)) == 1
    desk.mounted(errno.EINTR)
    desk.mounted(errno.ECONNREFUSED)
    tried = [each.options[2] for each in desk.mounts()]
    assert tried == ["addr=10.0.2.8", "addr=10.0.2.1", "addr=fd00::1"]
    assert "at 10.0.2.8: the server does not answer; 10.0.2.1 is tried" in desk.reports()
    assert "at 10.0.2.1: no NFS server runs there; fd00::1 is tried" in desk.reports()
    desk.wait(desk.now + 6)
    assert len(desk.actions(Stop)) == 1  # nothing is to be tried after it
    desk.mounted(errno.ENETUNREACH)
    assert len(desk.actions(Resolve)) == 2
    desk.give(Resolved("files.example", ("10.0.2.1", "10.0.2.9")))
    while len(desk.mounts()) < 4:
        desk.wait(desk.now + 0.5)
    assert desk.mounts()[-1].options[2] == "addr=10.0.2.1"


def test_an_answer_without_an_address_leaves_those_that_are_known() -> None:
    desk = up(network(root=NfsRoot("files.example", "/srv/root")))
    desk.lease(dns=("10.0.2.2",))
    desk.configured()
    desk.give(Resolved("files.example", ("10.0.2.1",)))
    desk.mounted(errno.ECONNREFUSED)
    desk.give(Resolved("files.example", (), "Temporary failure in name resolution"))
    while len(desk.mounts()) < 2:
        desk.wait(desk.now + 0.5)
    assert "addr=10.0.2.1" in desk.mounts()[-1].options


@pytest.mark.parametrize(
    ("host", "lease", "tried"),
    [
        ("klient", {}, ["/srv/10.0.2.15", "/srv/klient"]),
        ("", {"host": "of-lease"}, ["/srv/10.0.2.15", "/srv/of-lease"]),
        ("klient", {"host": "of-lease"}, ["/srv/10.0.2.15", "/srv/klient"]),
        ("", {}, ["/srv/10.0.2.15"]),
    ],
)
def test_a_path_has_this_machines_address_or_host_name(
    host: str, lease: dict[str, str], tried: list[str]
) -> None:
    asked = LinkRequest(LinkMatch("eth0"), hostname=host)
    desk = up(network(root=NfsRoot("10.0.2.1", "/srv/%s", "3"), links=(asked,)))
    desk.lease(**lease)
    desk.configured()
    for _ in range(5):
        before = len(desk.mounts())
        desk.mounted(errno.EACCES)
        while len(desk.mounts()) == before:
            desk.wait(desk.now + 0.5)
    found = [each.source.partition(":")[2] for each in desk.mounts()]
    assert found[:2] == (tried * 2)[:2] and set(found) == set(tried)


@pytest.mark.parametrize("server", ["fe80::2%eth1", "fe80::2"])
def test_a_server_with_an_address_of_the_link_needs_no_other_one(server: str) -> None:
    asked = (LinkRequest(LinkMatch("eth0")), LinkRequest(LinkMatch("eth1"), Method.LINK6))
    desk = up(network(root=NfsRoot(server, "/srv"), links=asked), ("eth0", "eth1"))
    [mount] = desk.mounts()
    assert mount.source == f"[{server}]:/srv"
    assert "addr=fe80::2%eth1" in mount.options
    assert desk.actions(AcceptRouters) != []  # so that the kernel uses its address at once


def test_the_name_servers_that_routers_advertise_count() -> None:
    asked = (LinkRequest(LinkMatch("eth0"), Method.AUTO6),)
    desk = up(network(root=NfsRoot("files", "/srv/root"), links=asked))

    def told(**more: str) -> None:
        known = {**link().properties, "addresses6": "fd00::9/64", **more}
        desk.see(Device("net/eth0", known, kind=NET))

    def resolvers() -> list[str]:
        return [each.text for _, each in desk.log
                if isinstance(each, Record) and each.name == "resolv.conf"]  # fmt: skip

    told()
    desk.configured()
    assert resolvers() == []
    told(servers_ra="fe80::53%eth0 nonsense", domains_ra="example.org bad/one")
    assert resolvers() == ["search example.org\nnameserver fe80::53%eth0\n"]
    told(servers_ra="fe80::53%eth0 fd00::53", domains_ra="example.org")
    assert resolvers()[1:] == [
        "search example.org\nnameserver fe80::53%eth0\nnameserver fd00::53\n"
    ]
    desk.give(Resolved("files", ("fd00::1",)))
    desk.mounted()
    records = [each for _, each in desk.log if isinstance(each, Record)]
    found = {f"{each.folder}/{each.name}": each.text for each in records}
    assert "nameserver fd00::53" in found["/run/initpy/resolv.conf"]
    keyfile = next(text for name, text in found.items() if name.endswith(".nmconnection"))
    assert "%" not in keyfile


def test_a_name_without_a_name_server_is_said() -> None:
    desk = up(network(root=NfsRoot("files.example", "/srv/root")))
    desk.lease()
    desk.configured()
    desk.give(Resolved("files.example", (), "Temporary failure in name resolution"))
    told = "files.example: no name server is known to resolve it (nameserver= names one)"
    assert told in desk.reports()


def test_an_option_that_the_kernel_refuses_is_named() -> None:
    for option, told in (
        ("proto=udp", "10.0.2.1:/srv/root over eth0: the kernel takes no option proto=udp: it may "
         "have no NFS over UDP; it is tried again"),
        ("soft,rsize=1", "10.0.2.1:/srv/root over eth0: the kernel takes no such mount option: "
         "soft,rsize=1; it is tried again"),
    ):  # fmt: skip
        root = NfsRoot("10.0.2.1", "/srv/root", "3", tuple(option.split(",")))
        desk = up(network(root=root))
        desk.lease()
        desk.configured()
        desk.mounted(errno.EINVAL, "nfs: not valid")
        assert told in desk.reports()


def test_an_option_that_only_a_newer_kernel_could_have_is_left_out_once_the_kernel_refuses() -> (
    None
):
    root = NfsRoot("10.0.2.1", "/srv/root", "3", ("soft", "what=1", "nolcok"))
    desk = up(network(root=root))
    desk.lease()
    desk.configured()
    assert {"what=1", "nolcok"} < set(desk.mounts()[-1].options)
    desk.mounted(errno.EINVAL, "nfs: not valid")
    assert "10.0.2.1:/srv/root: the kernel refuses what=1,nolcok; tried without" in desk.reports()
    assert not {"what=1", "nolcok"} & set(desk.mounts()[-1].options)
    assert "soft" in desk.mounts()[-1].options
    desk.mounted(errno.EINVAL, "nfs: not valid")
    assert "the kernel takes no such mount option: soft; it is tried again" in desk.reports()


@pytest.mark.parametrize("status", [errno.ENOENT, errno.EPERM, errno.ESTALE])
def test_version_3_may_have_a_path_that_version_4_does_not_show(status: int) -> None:
    """exports(5), fsid=: the paths of version 4 begin at another place. As mount.nfs(8) does."""
    desk = up(network(root=NfsRoot("10.0.2.1", "/srv/root")))
    desk.lease()
    desk.configured()
    desk.mounted(status, "nfs4: no")
    assert desk.mounts()[-1].types == ("nfs",)
    desk.mounted(errno.ECONNREFUSED, "nfs: no")
    assert "no NFS server runs there" not in desk.reports()
    assert "it is tried again" in desk.reports()
    desk.wait(desk.now + 12.0)
    assert desk.mounts()[-1].types == ("nfs4",)
    desk.mounted(status, "nfs4: no")
    desk.mounted()
    assert desk.mounts()[-1].types == ("nfs",)


def test_odd_options_of_a_root_path_are_told_once() -> None:
    desk = up(network(from_dhcp=True))
    desk.lease(root_path="10.0.2.1:/srv/root,sec=frob,soft")
    desk.configured()
    told = "the root-path of 10.0.2.2: expected sec=, one of sys and none, not 'frob'"
    assert desk.reports().count(told) == 1
    assert "soft" in desk.mounts()[-1].options
    assert "sec=frob" not in desk.mounts()[-1].options


def test_udp_without_proto_is_udp_too() -> None:
    desk = up(network(root=NfsRoot("10.0.2.1", "/srv/root", "3", ("udp",))))
    desk.lease()
    desk.configured()
    assert not [each for each in desk.mounts()[-1].options if "tcp" in each]


def test_a_folder_of_the_hypervisor_is_not_called_an_export() -> None:
    desk = NetDesk(network(links=(), root=NinePRoot("sytsem")))
    desk.mounted(errno.ENOENT, "the hypervisor shares no folder by this tag; its tags are: system")
    why = "the hypervisor shares no folder by this tag; its tags are: system"
    assert f"sytsem: {why}; it is tried again" in desk.reports()


def test_a_folder_of_the_hypervisor_is_tried_again_soon() -> None:
    """Its device may come a moment after the driver: no server has said no."""
    desk = NetDesk(network(links=(), root=NinePRoot("system")))
    desk.mounted(errno.ENOENT, "the hypervisor shares no folder by this tag; it shares none")
    tries = len(desk.mounts())
    desk.wait(desk.now + 1.5)
    assert len(desk.mounts()) == tries + 1


def test_the_tree_says_what_the_export_waits_for_and_why_the_last_try_failed() -> None:
    def tree(desk: NetDesk) -> str:
        return " ".join(render(desk.boot.explain(desk.now), desk.now).split())

    desk = up()
    assert "no network link leads to it yet" in tree(desk)
    desk.lease()
    desk.configured()
    desk.mounted(errno.EACCES, "access denied")
    why = "the server does not allow it to this address"
    assert why in tree(desk) and "failed before" not in tree(desk)
    tries = len(desk.mounts())
    desk.wait(desk.now + 15)
    assert len(desk.mounts()) > tries
    assert f"failed before: {why}" in tree(desk)


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
    desk = NetDesk(Settings(root=root, network=wanted))
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


def connected(*options: str) -> NetDesk:
    """A desk whose NBD export is connected, and is an encrypted volume."""
    target = NbdRoot("10.0.2.100", export="root", options=options)
    wanted = NetworkSettings(links=(LinkRequest(),), targets=(target,))
    desk = NetDesk(Settings(root=DeviceSpec(Naming.PATH, "/dev/nbd0"), network=wanted))
    desk.end("nbd-driver")
    desk.see(block("nbd0", size="0"), link(up=False), link())
    desk.lease()
    desk.configured()
    desk.end("nbd-connect@target/nbd0")
    return desk


def test_an_nbd_device_that_loses_its_size_is_connected_again() -> None:
    desk = connected()
    desk.see(block("nbd0", size="131072"), block("nbd0", size="131072", ID_MODEL="x"))
    assert len(desk.runs("nbd-connect@target/nbd0")) == 1
    desk.see(block("nbd0", size="0"))
    assert len(desk.runs("nbd-connect@target/nbd0")) == 2


def test_options_of_nbd_client_are_passed_on() -> None:
    [run] = connected("bs=4096", "persist").runs("nbd-connect@target/nbd0")
    assert run.argv[7:] == ("-block-size", "4096", "-persist", "-nonetlink")


def test_an_export_that_an_engine_before_has_connected_is_there() -> None:
    wanted = NetworkSettings(links=(LinkRequest(),), targets=(NbdRoot("10.0.2.100"),))
    desk = NetDesk(Settings(root=DeviceSpec(Naming.LABEL, "none"), network=wanted))
    desk.end("nbd-driver")
    desk.see(block("nbd0", size="131072"), link(up=False), link())
    desk.lease()
    desk.configured()
    desk.end("nbd-connect@target/nbd0", status=1)
    desk.wait(desk.now + 20.0)
    assert len(desk.runs("nbd-connect@target/nbd0")) == 1
    desk.see(block("nbd0", size="0"))
    assert len(desk.runs("nbd-connect@target/nbd0")) == 2


def test_what_is_not_supported_is_said() -> None:
    desk = NetDesk(network(links=(LinkRequest(method=Method.DHCP6),)))
    assert "not supported: ip=any link:dhcp6" in desk.reports()


def test_a_link_gets_the_name_of_ifname_before_anything_else() -> None:
    request = LinkRequest(LinkMatch("storage"))
    names = (("52:54:00:00:00:00", "storage"),)
    desk = NetDesk(network(links=(request,), names=names))
    desk.see(link(up=False))
    assert [each for _, each in desk.actions(RenameLink)] == [
        RenameLink("eth0", "storage", "rename00000000")
    ]
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


FIRST, SECOND = "52:54:00:00:00:00", "52:54:00:00:00:01"


def swapping() -> NetDesk:
    """A desk on which two cards are to swap their names, and eth1 is to be used."""
    names = ((FIRST, "eth1"), (SECOND, "eth0"))
    return NetDesk(network(links=(LinkRequest(LinkMatch("eth1")),), names=names))


def card(name: str, mac: str) -> Device:
    """A card that is down."""
    plain = link(up=False)
    return plain._replace(name=f"net/{name}", properties={**plain.properties, "address": mac})


def renamed(desk: NetDesk) -> list[RenameLink]:
    """What was renamed."""
    found = [each for _, each in desk.actions(RenameLink)]
    return [each for each in found if isinstance(each, RenameLink)]


def test_two_cards_swap_their_names() -> None:
    """The first takes a name of its own where the kernel refuses the one that it is to have."""
    desk, aside = swapping(), "rename00000000"
    desk.see(card("eth0", FIRST))
    assert renamed(desk) == [RenameLink("eth0", "eth1", aside)]
    desk.see(card("eth1", SECOND))
    assert renamed(desk)[1:] == [RenameLink("eth1", "rename00000001")]
    desk.lose("net/eth0")
    desk.see(card(aside, FIRST))
    desk.lose("net/eth1")
    assert renamed(desk)[2:] == [RenameLink(aside, "eth1")]
    desk.see(card("rename00000001", SECOND))
    assert renamed(desk)[3:] == [RenameLink("rename00000001", "eth0")]
    desk.lose(f"net/{aside}")
    desk.lose("net/rename00000001")
    desk.see(card("eth1", FIRST), card("eth0", SECOND))
    assert len(renamed(desk)) == 4
    assert [each for _, each in desk.actions(SwitchLink)] == [SwitchLink("eth1", True)]


def test_a_card_waits_under_its_other_name_until_the_second_one_is_seen() -> None:
    desk, aside = swapping(), "rename00000000"
    desk.see(card("eth0", FIRST))
    desk.lose("net/eth0")
    desk.see(card(aside, FIRST))
    for _ in range(5):  # the kernel refuses, and the runtime tells of the card anew
        desk.lose(f"net/{aside}")
        desk.see(card(aside, FIRST))
    assert renamed(desk)[1:] == [RenameLink(aside, "eth1")] * 2
    desk.see(card("eth1", SECOND))
    desk.lose("net/eth1")
    assert renamed(desk)[3:] == [
        RenameLink("eth1", "eth0", "rename00000001"), RenameLink(aside, "eth1"),
    ]  # fmt: skip


def test_a_card_is_meant_by_another_name_of_it_too() -> None:
    """R15: systemd.link(5), AlternativeNamesPolicy=."""
    desk = NetDesk(network(links=(LinkRequest(LinkMatch("enp1s0")),)))
    plain = link(up=False)
    desk.see(plain._replace(properties={**plain.properties, "altnames": "enp1s0 enx525400000000"}))
    assert [each for _, each in desk.actions(SwitchLink)] == [SwitchLink("eth0", True)]
    assert "link enp1s0" not in [each.label for each in desk.nodes()]


def test_a_card_of_infiniband_is_refused_in_words() -> None:
    desk = NetDesk(network(links=(LinkRequest(LinkMatch("ib0")),)))
    plain = link(up=False)
    desk.see(plain._replace(name="net/ib0", properties={**plain.properties, "type": "32"}))
    desk.see(plain._replace(name="net/ib1", properties={**plain.properties, "type": "32"}))
    assert "ib0: it is InfiniBand; it is not set up" in desk.reports()
    assert "ib1" not in desk.reports() and desk.actions(SwitchLink) == []


def test_a_card_does_not_take_the_name_of_one_that_keeps_it() -> None:
    names = (("52:54:00:00:00:00", "eth1"),)
    desk = NetDesk(network(names=names))
    desk.see(card("eth1", SECOND), card("eth0", FIRST))
    assert renamed(desk) == []
    assert SwitchLink("eth0", True) in [each for _, each in desk.actions(SwitchLink)]


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


def test_a_renewed_lease_may_have_another_router() -> None:
    desk = renewing()
    desk.reply(DhcpKind.ACK, lease=100.0, routers=("10.0.2.254",))
    assert [each.routes for each in desk.configs()] == [
        (), (Route("0.0.0.0/0", "10.0.2.254"),),
    ]  # fmt: skip
    assert len({each.addresses for each in desk.configs()}) == 1
    desk.configured()
    desk.wait(desk.now + 10.0)
    desk.mounted()
    assert len(desk.configs()) == 2


def test_a_refusal_of_another_server_counts_if_that_of_the_lease_is_silent() -> None:
    desk = renewing()
    desk.reply(DhcpKind.NAK, server="10.0.2.9")
    desk.wait(56.0)
    assert "the lease is lost, asking again" in desk.reports()
