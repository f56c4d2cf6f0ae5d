"""iSCSI targets (R15, R16): the record of a login, its tries, and the reasons of a failure."""

from typing import Any

import pytest
from desk import block, luks
from test_network_root import NetDesk, link

from initpy.core.actions import Record
from initpy.core.devices.graph import Device
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.events import JobEnded, Mounted
from initpy.core.netsettings import Chap, Iscsi, IscsiRoot, LinkRequest, NetworkSettings
from initpy.core.network.iscsi import record_of
from initpy.core.network.properties import LEASE
from initpy.core.secret import Secret
from initpy.core.settings import Settings

IQN = "iqn.2004-01.org.example:store"
TARGET = IscsiRoot("10.0.2.1", target=IQN)
OPEN = "luks-open@sda"
UNIT = f"/dev/disk/by-path/ip-10.0.2.1:3260-iscsi-{IQN}-lun-0"
LOGIN = f"iscsi-login@target/{IQN}@10.0.2.1:3260"
CHAP = Chap("me", Secret(b"hush"), "they", Secret(b"mum"))


def desk_of(*targets: IscsiRoot, **changes: Any) -> NetDesk:
    """A desk with the daemon running and a link ready."""
    wanted = NetworkSettings(links=(LinkRequest(),), targets=targets)._replace(**changes)
    root = None if wanted.from_dhcp else DeviceSpec(Naming.PATH, UNIT)
    desk = NetDesk(Settings(root=root, network=wanted))
    desk.see(link(up=False), link())
    return desk


def ready(*targets: IscsiRoot) -> NetDesk:
    """A desk that has begun to log in."""
    desk = desk_of(*targets)
    desk.end("iscsi-driver")
    desk.end("iscsi-daemon")
    desk.lease()
    desk.configured()
    return desk


def unit() -> Device:
    """The unit of the target, as udev shows it."""
    found = block("sda", ID_FS_TYPE="ext4", ID_FS_USAGE="filesystem")
    return found._replace(links=frozenset({UNIT}))


def test_a_login_comes_after_the_daemon_and_the_link_and_root_is_the_unit() -> None:
    desk = ready(TARGET)
    [run] = desk.runs(LOGIN)
    assert run.argv == ("iscsiadm", "-m", "node", "-T", IQN, "-p", "10.0.2.1:3260,1", "--login")
    desk.end(LOGIN)
    desk.see(unit())
    assert desk.mounts()[-1].source == "/dev/sda"


def test_secrets_are_in_a_record_that_is_one_and_in_no_argument() -> None:
    desk = ready(TARGET._replace(login=CHAP))
    [run] = desk.runs(LOGIN)
    assert "hush" not in " ".join(run.argv)
    [record] = [each for _, each in desk.log if isinstance(each, Record) and each.secret]
    assert record.folder == f"/etc/iscsi/nodes/{IQN}/10.0.2.1,3260,1"
    assert (record.name, record.text) == ("default", "")
    assert "hush" not in repr(record)


def test_the_record_has_the_login_the_name_and_what_the_user_says_of_it() -> None:
    settings = Iscsi("iqn.2004-01.org.example:me", parameters=(("node.session.timeo.x", "30"),))
    text = bytes(record_of(TARGET._replace(login=CHAP), settings).reveal()).decode()
    lines = text.splitlines()
    for line in (
        f"node.name = {IQN}",
        "node.conn[0].address = 10.0.2.1",
        "node.session.auth.authmethod = CHAP",
        "node.session.auth.password = hush",
        "node.session.auth.username_in = they",
        "node.session.auth.password_in = mum",
        "iface.initiatorname = iqn.2004-01.org.example:me",
        "node.session.timeo.x = 30",
    ):
        assert line in lines
    assert "authmethod" not in bytes(record_of(TARGET, Iscsi()).reveal()).decode()


@pytest.mark.parametrize(
    ("status", "said", "pause"),
    [
        (4, "no iSCSI target answers there", 1.0),
        (8, "no iSCSI target answers there", 1.0),
        (5, "the server has no such target, or refuses the login", 10.0),
        (19, "the server has no such target, or refuses the login", 10.0),
        (24, "authentication failed", 10.0),
        (7, "no initiator name: rd.iscsi.initiator=", 10.0),
    ],
)
def test_why_a_login_fails_is_said_once_and_it_is_tried_again(
    status: int, said: str, pause: float
) -> None:
    desk = ready(TARGET)
    desk.end(LOGIN, status=status)
    assert desk.reports().count(said) == 1
    desk.wait(desk.now + pause - 0.1)
    assert len(desk.runs(LOGIN)) == 1
    desk.wait(desk.now + 0.3)
    assert len(desk.runs(LOGIN)) == 2
    desk.end(LOGIN, status=status)
    assert desk.reports().count(said) == 1
    assert any(said in node.reason for node in desk.nodes())


def test_a_session_and_a_daemon_of_an_engine_before_are_taken() -> None:
    desk = desk_of(TARGET)
    desk.end("iscsi-driver")
    desk.end("iscsi-daemon", status=1)
    seen = unit()
    path = {"ID_PATH": UNIT.rpartition("/")[2]}
    desk.see(seen._replace(properties={**seen.properties, **path}))
    desk.lease()
    desk.configured()
    desk.end(LOGIN, status=15)
    desk.wait(desk.now + 30.0)
    assert len(desk.runs(LOGIN)) == 1


def test_a_login_under_way_for_an_engine_before_is_no_session() -> None:
    desk = ready(TARGET)
    desk.end(LOGIN, status=15)
    desk.wait(desk.now + 1.5)
    assert len(desk.runs(LOGIN)) == 2
    assert "tried again" not in desk.reports()


def test_a_lease_names_the_target_and_root_is_its_unit() -> None:
    desk = desk_of(from_dhcp=True)
    desk.lease(root_path=f"iscsi:10.0.2.1::::{IQN}")
    desk.configured()
    desk.end("iscsi-driver")
    desk.end("iscsi-daemon")
    desk.end(LOGIN)
    desk.see(unit())
    assert desk.mounts()[-1].source == "/dev/sda"
    desk.mounted()
    kept = {each.name: each.text for _, each in desk.log if isinstance(each, Record)}
    assert kept["open-iscsi.interface"] == "eth0\n"
    assert not any("open-iscsi.service.d" in each.folder for each in records(desk))


def records(desk: NetDesk) -> list[Record]:
    """The files that the real system gets."""
    return [each for _, each in desk.log if isinstance(each, Record)]


@pytest.mark.parametrize(
    ("uuid", "kind", "hidden"),
    [
        ("CRYPT-LUKS2-1-crypt", "ext4", False),
        ("mpath-3600", "ext4", False),
        ("part1-mpath-3600", "ext4", False),
        ("LVM-1", "ext4", True),
        ("CRYPT-LUKS2-1-crypt", "btrfs", True),
        ("CRYPT-PLAIN-crypt", "ext4", True),
    ],
)
def test_open_iscsi_logs_out_of_nothing_where_it_does_not_see_root(
    uuid: str, kind: str, hidden: bool
) -> None:
    desk = ready(TARGET)
    desk.end(LOGIN)
    desk.see(block("sda", ID_FS_TYPE="some_member"))
    top = block("dm-0", DM_UUID=uuid, DM_NAME="root", ID_FS_TYPE=kind, ID_FS_USAGE="filesystem")
    links = frozenset({UNIT, "/dev/mapper/root"})
    desk.see(top._replace(slaves=frozenset({"sda"}), links=links))
    last = desk.mounts()[-1]
    desk.give(JobEnded(last.job, last.run, 0))
    desk.give(Mounted(last.target, "/dev/mapper/root"))
    made = [each for each in records(desk) if each.folder.endswith("open-iscsi.service.d")]
    assert bool(made) is hidden


def test_a_malformed_root_path_is_said_without_its_secrets() -> None:
    desk = desk_of(from_dhcp=True)
    desk.lease(root_path="iscsi:me:hush@10.0.2.1::::nothing")
    desk.configured()
    assert desk.reports().count("the root-path of 10.0.2.2") == 1
    assert "hush" not in desk.reports()


def test_a_portal_without_a_target_is_asked_for_its_targets() -> None:
    desk = ready(TARGET._replace(target="", login=CHAP))
    asked = "iscsi-discovery@target/all@10.0.2.1:3260"
    [run] = desk.runs(asked)
    assert run.argv[-1] == "10.0.2.1:3260"
    desk.end(asked, output=f"10.0.2.1:3260,1 {IQN}\n[fe80::1]:3260,2 {IQN}-b\nnonsense\n")
    [login] = desk.runs(LOGIN)
    assert "10.0.2.1:3260,1" in login.argv
    [other] = desk.runs(f"iscsi-login@target/{IQN}-b@fe80::1:3260")
    assert "[fe80::1]:3260,2" in other.argv


def test_a_login_is_tried_as_often_as_the_user_says() -> None:
    desk = desk_of(TARGET, iscsi=Iscsi(login_retries=1))
    desk.end("iscsi-driver")
    desk.end("iscsi-daemon")
    desk.lease()
    desk.configured()
    desk.end(LOGIN, status=4)
    desk.wait(desk.now + 5.0)
    desk.end(LOGIN, status=4)
    desk.wait(desk.now + 60.0)
    assert len(desk.runs(LOGIN)) == 2


def test_a_volume_whose_disk_was_away_is_tried_again_later() -> None:
    """A session that is back after its replacement timeout makes no event."""
    desk = ready(TARGET)
    desk.end(LOGIN)
    desk.see(luks("sda"))
    desk.wait(desk.now + 1.0)
    desk.answer("correct horse")
    ended = 0
    while ended < len(desk.runs(OPEN)):  # the tries of the job
        ended += 1
        desk.end(OPEN, 1)
        desk.wait(desk.now + 2.0)
    before = ended, len(desk.asked())
    desk.wait(desk.now + 60.0)
    assert (len(desk.runs(OPEN)), len(desk.asked())) != before


def two_of_each() -> tuple[NetDesk, str, str]:
    """Two cards with leases, of which eth0 has its address, and two targets that are tried."""
    desk = desk_of(TARGET, TARGET._replace(target=f"{IQN}-b"))
    desk.see(link("eth1"))
    desk.end("iscsi-driver")
    desk.end("iscsi-daemon")
    for name in ("eth0", "eth1"):
        desk.lease(name)
    desk.configured()
    return desk, LOGIN, f"iscsi-login@target/{IQN}-b@10.0.2.1:3260"


def test_a_link_keeps_its_turn_until_each_target_was_tried_over_it() -> None:
    desk, first, second = two_of_each()
    desk.end(first, status=8)
    assert desk.configs("eth1") == []
    desk.end(second, status=8)
    assert len(desk.configs("eth1")) == 1


def test_a_login_over_the_link_before_says_nothing_of_this_one() -> None:
    desk, first, second = two_of_each()
    desk.wait(25)  # the second login hangs: nothing waits for it that long
    desk.end(first, status=8)
    assert len(desk.configs("eth1")) == 1
    desk.configured("eth1")
    turns = len(desk.configs("eth0"))
    desk.wait(26)
    desk.end(second, status=8)
    assert len(desk.configs("eth0")) == turns
    desk.wait(28)
    assert len(desk.runs(second)) == 2  # at once over the link that it has now


FAR = IscsiRoot("10.0.3.1", target=f"{IQN}-b")
FAR_LOGIN = f"iscsi-login@target/{IQN}-b@10.0.3.1:3260"


def two_networks(address: str = "10.0.3.15") -> NetDesk:
    """Two cards with leases, of which eth0 has its address and leads to the first target."""
    desk = desk_of(TARGET, FAR)
    desk.see(link("eth1"))
    desk.end("iscsi-driver")
    desk.end("iscsi-daemon")
    desk.lease(routers=("10.0.2.2",))
    desk.lease("eth1", address=address, routers=("10.0.3.2",))
    desk.configured()
    desk.end(LOGIN)
    desk.end(FAR_LOGIN, status=8)
    return desk


def test_a_target_in_the_network_of_a_waiting_lease_gives_that_link_an_address_too() -> None:
    desk = two_networks()
    assert len(desk.configs("eth0")) == 1
    [config] = desk.configs("eth1")
    assert config.addresses == ("10.0.3.15/24",)
    assert config.routes == ()  # the way to everywhere is that of eth0
    desk.configured("eth1")
    desk.wait(desk.now + 2.0)
    desk.end(FAR_LOGIN)
    desk.wait(desk.now + 30.0)
    assert (len(desk.configs("eth0")), len(desk.configs("eth1"))) == (1, 1)


def test_a_lease_of_another_network_has_no_link_join() -> None:
    desk = two_networks("10.0.4.15")
    desk.wait(desk.now + 30.0)
    assert (len(desk.configs("eth0")), desk.configs("eth1")) == (1, [])


def test_a_second_link_into_the_same_network_does_not_join() -> None:
    desk, first, second = two_of_each()
    desk.end(first)
    desk.end(second, status=8)
    desk.wait(desk.now + 30.0)
    assert (len(desk.configs("eth0")), desk.configs("eth1")) == (1, [])


def test_a_link_that_has_joined_keeps_its_address_while_the_other_is_out_and_back() -> None:
    desk = two_networks()
    desk.configured("eth1")
    desk.see(link(carrier=False))
    desk.see(link())
    desk.wait(desk.now + 5.0)
    assert len(desk.configs("eth1")) == 1


def test_an_engine_after_this_one_knows_which_link_has_joined() -> None:
    desk = two_networks()
    desk.configured("eth1")
    left = {each.name: each.text for _, each in desk.log if isinstance(each, Record)}
    after = desk_of(TARGET, FAR)
    second = link("eth1")
    after.see(second._replace(properties={**second.properties, LEASE: left["lease.eth1"]}))
    assert [each.addresses for each in after.configs("eth1")] == [("10.0.3.15/24",)]
    after.lease()
    assert [each.addresses for each in after.configs("eth0")] == [("10.0.2.15/24",)]
    after.configured("eth1")
    after.wait(after.now + 5.0)
    assert len(after.configs("eth1")) == 1
