"""The hubs between the lab's machines, and the commands of the servers' machine."""

import socket
from collections.abc import Callable
from pathlib import Path

from initpy.lab.serverscripts import commands
from initpy.lab.switch import Switch
from initpy.scenario.servers import Nic, Server, Times


def seqpacket(path: Path) -> socket.socket:
    """A card of User Mode Linux."""
    found = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    found.settimeout(5)
    found.connect(str(path))
    return found


def heard(card: socket.socket) -> bytes:
    """The next frame, b"" if none comes."""
    try:
        return card.recv(100)
    except TimeoutError:
        return b""


def heard_after(card: socket.socket, send: Callable[[], object]) -> bytes:
    """What a card hears of what is sent again and again."""
    card.settimeout(0.1)
    for _ in range(50):
        send()
        if frame := heard(card):
            return frame
    return b""


def test_a_frame_reaches_all_other_cards_of_its_hub_and_none_of_another(tmp_path: Path) -> None:
    switch = Switch(tmp_path, {"eth0": "", "eth1": ""})
    try:
        first, second = seqpacket(tmp_path / "eth0"), seqpacket(tmp_path / "eth0")
        elsewhere = seqpacket(tmp_path / "eth1")
        emulated = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        emulated.settimeout(5)
        emulated.bind(str(tmp_path / "eth0.qemu"))
        hub = str(tmp_path / "eth0.hub")
        for card in (first, second):  # once the hub has accepted it, frames reach it
            assert heard_after(card, lambda: emulated.sendto(b"from QEMU", hub)) == b"from QEMU"
        first.settimeout(5)
        second.settimeout(0.2)
        while (frame := heard(second)) == b"from QEMU":
            pass
        assert frame == b""
        second.settimeout(5)
        first.send(b"a frame")
        assert second.recv(100) == emulated.recv(100) == b"a frame"
        second.close()
        first.send(b"another")
        assert emulated.recv(100) == b"another"
        elsewhere.settimeout(0.1)
        assert heard(elsewhere) == b""
    finally:
        switch.close()
        for each in (first, second, elsewhere, emulated):
            each.close()


def test_servers_that_are_up_from_the_start_are_started_at_once() -> None:
    nics = (Nic("eth0"), Nic("eth1"))
    servers = (
        Server("leases", "dhcp", (), "eth1", "10.0.3.1", 67, root_path="/srv/root", lease=120.0),
        Server("files", "nfs", ("root",), "eth0", "10.0.2.1", 2049, Times(9.0), export="/srv/root",
               versions=("3",)),
    )  # fmt: skip
    lines = commands(nics, servers, ["root"]).splitlines()
    assert "    start leases" in lines and "    start files" not in lines
    [dhcp] = [each for each in lines if "dnsmasq" in each]
    assert "--dhcp-range=10.0.3.50,10.0.3.99,255.255.255.0,120" in dhcp
    assert "--interface=vec1" in dhcp and "--dhcp-option=option:root-path,/srv/root" in dhcp
    assert "    mount_export /dev/ubda /srv/root" in lines
    assert "    nfs_up --port 2049 --no-nfs-version 4" in lines
