"""The lab's network: QEMU's options, monitor commands, and the relay between two sockets."""

import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from initpy.lab import relay
from initpy.lab.errors import LabError
from initpy.lab.network import Network, network_of
from initpy.scenario.parse import load_scenario
from initpy.scenario.servers import Nic, Server, Times

SCENARIOS = Path(__file__).parents[2] / "scenarios"
STORE = Server("store", "nbd", ("a", "b"), "eth0", "10.0.2.100", 10809)
CARD = Nic("eth0", lease=0.0)
PATIENCE = 20.0


def commands(network: Network) -> list[tuple[str, Mapping[str, object]]]:
    said: list[tuple[str, Mapping[str, object]]] = []
    network.begin(lambda command, arguments: said.append((command, arguments)), Path("/f"))
    return said


def test_the_user_network_leads_to_the_server_and_nowhere_else() -> None:
    words = Network((CARD,), (STORE,)).words(Path("/f"))
    assert words[1].startswith("user,id=net-eth0,restrict=on,")
    assert "guestfwd=tcp:10.0.2.100:10809-cmd:" in words[1]
    assert words[1].endswith("/f/server-store")


def test_a_card_without_a_dhcp_server_has_a_cable_only() -> None:
    assert Network((Nic("eth0"),)).words(Path("/f"))[1] == "hubport,id=net-eth0,hubid=0"


def test_a_server_that_is_up_offers_each_disk_by_name_and_the_first_without() -> None:
    (start, *exports) = commands(Network((CARD,), (STORE,)))
    assert start[0] == "nbd-server-start"
    names = [(each["node-name"], each["name"]) for _, each in exports]
    assert names == [("node-a", "a"), ("node-a", ""), ("node-b", "b")]


def test_late_cables_and_servers_are_absent_at_power_on() -> None:
    late = Times(5.0)
    server = Server("store", "nbd", ("a",), "eth0", "10.0.2.100", 10809, late)
    assert commands(Network((Nic("eth0", late, 0.0),), (server,))) == [
        ("set_link", {"name": "eth0", "up": False})
    ]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"nbd"', '"nfs"', "one server, of kind nbd"),
        ("lease = 0", "lease = 3", "the lease of eth0"),
        ("lease = 0", "", "the lease of eth0"),
        ('kind = "nbd"', 'kind = "nbd"\naddress = "192.0.2.1"', "10.0.2.0/24"),
    ],
)
def test_keys_for_the_simulator_only_are_named(
    old: str, new: str, words: str, tmp_path: Path
) -> None:
    text = (SCENARIOS / "raid1-nbd-cable-late.toml").read_text()
    assert old in text
    file = tmp_path / "x.toml"
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(LabError, match="only the simulator") as caught:
        network_of(load_scenario(file), {})
    assert words in str(caught.value)


def started(path: Path) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start a relay as QEMU does; yield it with the guest's end of the connection."""
    guest, given = socket.socketpair()
    guest.settimeout(PATIENCE)
    words = [sys.executable, "-I", "-S", str(relay.__file__), str(path)]
    with given:
        return subprocess.Popen(words, stdin=given.fileno(), stdout=given.fileno()), guest


def test_the_relay_passes_data_in_both_directions(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.settimeout(PATIENCE)
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        process, guest = started(tmp_path / "s")
        with process, guest, listener.accept()[0] as server:
            server.settimeout(PATIENCE)
            guest.sendall(b"question" * 30000)
            heard = b""
            while len(heard) < 240000:
                heard += server.recv(65536)
            assert heard == b"question" * 30000
            server.sendall(b"answer")
            assert guest.recv(100) == b"answer"
            guest.close()
            assert process.wait(PATIENCE) == 0  # it ends with the machine


def test_without_a_listener_the_connection_ends(tmp_path: Path) -> None:
    process, guest = started(tmp_path / "nobody")
    with process, guest:
        assert guest.recv(1) == b""
        assert process.wait(PATIENCE) == 0
