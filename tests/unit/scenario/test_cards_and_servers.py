"""Cards and servers of a scenario file: values, mistakes, and when they come and go."""

from pathlib import Path

import pytest

from initpy.config.errors import InputError
from initpy.scenario.acts import Deed
from initpy.scenario.director import Director, Do
from initpy.scenario.model import Scenario
from initpy.scenario.parse import load_scenario
from initpy.scenario.servers import Nic, Server, Times
from initpy.scenario.write import write_scenario

INIT = "[    3.5] Run /init as init process\n"
HEAD = """\
title = "a network"
[[disk]]
name = "a"
size = "64M"
[[disk]]
name = "b"
size = "64M"
[[disk]]
name = "c"
size = "64M"
bus = "usb"
"""
NIC = """\
[[nic]]
name = "eth0"
carrier = 5
down = 20
back = 22.5
lease = 0.5
"""
SERVER = """\
[[server]]
name = "store"
kind = "iscsi"
serves = ["b"]
target = "iqn.2004-01.org.example:b"
port = 3261
up = "never"
"""
TAIL = """\
[expect]
outcome = "booted"
"""


def load(folder: Path, text: str) -> Scenario:
    path = folder / "scenario.toml"
    path.write_text(HEAD + text + TAIL)
    return load_scenario(path)


def test_cards_and_servers_become_values(tmp_path: Path) -> None:
    scenario = load(tmp_path, NIC + SERVER)
    assert scenario.nics == (Nic("eth0", Times(5.0, 20.0, 22.5), 0.5),)
    target = "iqn.2004-01.org.example:b"
    store = Server("store", "iscsi", ("b",), "eth0", "10.0.2.100", 3261, Times(None), target)
    assert scenario.servers == (store,)
    assert scenario.server_of("b") == store
    assert scenario.server_of("a") is None


def test_they_are_written_as_they_were_read(tmp_path: Path) -> None:
    scenario = load(tmp_path, NIC + SERVER)
    write_scenario(scenario, scenario.path)
    assert load_scenario(scenario.path) == scenario


def test_without_times_they_are_there_from_the_start(tmp_path: Path) -> None:
    text = '[[nic]]\nname = "eth0"\n[[server]]\nname = "s"\nkind = "nbd"\nserves = ["a"]\n'
    scenario = load(tmp_path, text)
    assert scenario.nics[0].carrier == scenario.servers[0].times == Times()
    assert scenario.nics[0].lease is None
    assert scenario.servers[0].port == 10809


@pytest.mark.parametrize(
    ("old", "new", "where", "expected"),
    [
        ('"eth0"', '"wan"', "nic[1].name", "eth0"),
        ("carrier = 5", 'carrier = "late"', "nic[1].carrier", "never"),
        ("down = 20", "down = 4", "nic[1].down", "later than `carrier`"),
        ("back = 22.5", "back = 3", "nic[1].back", "later than `down`"),
        ("lease = 0.5", "lease = -1", "nic[1].lease", "zero or more"),
        ('"iscsi"', '"ftp"', "server[1].kind", "nbd, iscsi, nvme, nfs, dhcp"),
        ('["b"]', '["c"]', "server[1].serves", "(a, b)"),
        ('["b"]', "[]", "server[1].serves", "(a, b)"),
        ("port = 3261", "port = 70000", "server[1].port", "65535"),
        ("port = 3261", 'address = "store"', "server[1].address", "IPv4"),
        ('target = "iqn.2004-01.org.example:b"', "", "server[1].target", "iqn."),
        ("port = 3261", 'nic = "eth1"', "server[1].nic", "eth0"),
        ('up = "never"', 'up = "never"\ndown = 3', "server[1].down", "later than `up`"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(old: str, new: str, where: str, expected: str, tmp_path: Path) -> None:
    text = NIC + SERVER
    assert old in text
    with pytest.raises(InputError) as caught:
        load(tmp_path, text.replace(old, new))
    assert where in str(caught.value)
    assert expected in str(caught.value)


def test_a_server_needs_a_card(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"table \[\[nic\]\] before it"):
        load(tmp_path, SERVER)


def test_two_servers_have_no_disk_in_common(tmp_path: Path) -> None:
    second = SERVER.replace('"store"', '"other"').replace("3261", "3262")
    with pytest.raises(InputError, match=r"server\[2\].serves"):
        load(tmp_path, NIC + SERVER + second)


def test_a_disk_of_a_server_is_not_plugged_in(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"plug with one of a, c"):
        load(tmp_path, NIC + SERVER + '[[fault]]\nat = 3\ndo = "plug b"\n')


def test_a_fault_names_a_card_or_server_that_there_is(tmp_path: Path) -> None:
    fault = '[[fault]]\nat = 3\ndo = "server-up store"\n'
    assert load(tmp_path, NIC + SERVER + fault).faults[0].deed is Deed.SERVER_UP
    with pytest.raises(InputError, match="only in a scenario with a server"):
        load(tmp_path, NIC + fault)


def test_cables_and_servers_come_and_go_in_their_time(tmp_path: Path) -> None:
    director = Director(load(tmp_path, NIC + SERVER.replace('"never"', "7\ndown = 30")))
    assert director.advance(INIT, 100.0) == []
    seen = [(at, act) for at in range(101, 140) for act in director.advance(INIT, float(at))]
    assert seen == [
        (105, Do(Deed.CARRIER_ON, "eth0")),
        (107, Do(Deed.SERVER_UP, "store")),
        (120, Do(Deed.CARRIER_OFF, "eth0")),
        (123, Do(Deed.CARRIER_ON, "eth0")),
        (130, Do(Deed.SERVER_DOWN, "store")),
    ]
    assert director.undone == ()


def test_a_job_file_that_needs_something_makes_another_image(tmp_path: Path) -> None:
    job = '[image.files]\n"/etc/initpy/jobs/x.toml" = """\nsummary = \'x\'\n%s"""\n'
    plain = load(tmp_path, job % "")
    needy = load(tmp_path, job % "[image]\nmodules = ['nbd']\n")
    assert plain.variant.own == ()
    assert [path for path, _ in needy.variant.own] == ["/etc/initpy/jobs/x.toml"]


PORTAL = """\
[[disk]]
name = "b-too"
path_of = "b"
[[server]]
name = "portal"
kind = "iscsi"
serves = ["b-too"]
target = "iqn.2004-01.org.example:b"
"""


def test_a_further_server_with_a_target_is_a_portal_of_it(tmp_path: Path) -> None:
    scenario = load(tmp_path, NIC + SERVER + PORTAL)
    assert [(each.group, each.units) for each in scenario.servers] == [(1, ("b",)), (2, ("b",))]
    write_scenario(scenario, scenario.path)
    assert load_scenario(scenario.path) == scenario


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('path_of = "b"', 'path_of = "a"', "a path (path_of) to each of b, in this order"),
        ("org.example:b", "org.example:c", "no server before has the target"),
        ('["b-too"]', '["a"]', "a path (path_of) to each of b, in this order"),
    ],
)
def test_a_portal_has_paths_to_the_units_of_its_target(
    old: str, new: str, expected: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        load(tmp_path, NIC + SERVER + PORTAL.replace(old, new))
    assert expected in str(caught.value)


def test_a_path_without_a_server_is_on_a_bus_that_has_paths(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="b-too on a SCSI bus, or a server that serves it"):
        load(tmp_path, NIC + SERVER + PORTAL.partition("[[server]]")[0])


PATHS = """\
[[nic]]
name = "eth0"
[[server]]
name = "first"
kind = "nvme"
serves = ["a"]
target = "nqn.2004-01.org.example:store"
admits = "nqn.2004-01.org.example:me"
refers = "second"
[[server]]
name = "second"
kind = "nvme"
serves = ["a"]
target = "nqn.2004-01.org.example:store"
admits = "nqn.2004-01.org.example:me"
port = 4421
"""


def test_two_paths_to_an_nvme_subsystem(tmp_path: Path) -> None:
    scenario = load(tmp_path, PATHS)
    assert [each.serves for each in scenario.servers] == [("a",), ("a",)]
    assert [each.port for each in scenario.servers] == [4420, 4421]
    assert all(each.on_a_machine for each in scenario.servers)
    write_scenario(scenario, scenario.path)
    assert load_scenario(scenario.path) == scenario


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('serves = ["a"]\ntarget', 'serves = ["a", "b"]\ntarget', "the one disk"),
        ('"nqn.2004-01.org.example:store"\nadmits', '"store"\nadmits', "(nqn.…)"),
        ('me"\nport', 'you"\nport', "the same host on each path"),
        ('example:store"\nadmits = "nqn.2004-01.org.example:me"\nport', 'example:b"\nport', "(b)"),
        ('refers = "second"', 'refers = "third"', "to refer to, not third"),
    ],
)
def test_a_mistake_in_a_path_is_named(old: str, new: str, expected: str, tmp_path: Path) -> None:
    assert old in PATHS
    with pytest.raises(InputError) as caught:
        load(tmp_path, PATHS.replace(old, new, 1))
    assert expected in str(caught.value)


LEASES = """\
[[nic]]
name = "eth0"
[[server]]
name = "leases"
kind = "dhcp"
mtu = 9000
relayed = true
"""


def test_a_server_of_leases_tells_an_mtu_and_may_be_behind_a_relay(tmp_path: Path) -> None:
    [server] = load(tmp_path, LEASES).servers
    assert (server.mtu, server.relayed) == (9000, True)
    with pytest.raises(InputError, match="expected a number of bytes, 68 to 65535"):
        load(tmp_path, LEASES.replace("9000", "67"))
    with pytest.raises(InputError, match="expected one server, the first on the network"):
        load(tmp_path, LEASES + 'address = "10.0.2.2"\n')
