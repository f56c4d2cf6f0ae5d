"""Links get what the core wants of them: real calls, in a network of the test's own."""

import json
import os
import shutil
import subprocess
import sys

import pytest

# The kernel refuses a user namespace to what runs in a chroot; root needs none.
USER = () if os.geteuid() == 0 else ("--user", "--map-root-user")
IN_A_NAMESPACE = ("unshare", *USER, "--net")
SCRIPT = """
import fcntl, json, socket, struct, sys
from initpy.runtime.net import kernel

def text(path):
    with open(path) as file:
        return file.read()

def mtu_of_lo():
    with socket.socket() as any_socket:  # SIOCGIFMTU of netdevice(7)
        asked = struct.pack("16si12x", b"lo", 0)
        return struct.unpack("16si12x", fcntl.ioctl(any_socket, 0x8921, asked))[1]

kernel.switch("lo", True)
steps = []
for addresses, routes, mtu, version in json.loads(sys.argv[1]):
    said = kernel.configure("lo", tuple(addresses), tuple(map(tuple, routes)), mtu, version)
    with kernel.Netlink() as netlink:
        has = sorted(each for each in netlink.addresses(1) if each != "::1/128")
    steps.append([said, has, text("/proc/net/route"), mtu_of_lo()])
print(json.dumps(steps))
"""


def configured(*wanted: tuple[list[str], list[list[str]], int, int]) -> list[list[object]]:
    """What each configuration says, and which addresses, routes and MTU lo has then."""
    command = [*IN_A_NAMESPACE, sys.executable, "-c", SCRIPT, json.dumps(wanted)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: list[list[object]] = json.loads(done.stdout)
    return found


def test_a_link_gets_just_what_it_is_to_have() -> None:
    routes = [["0.0.0.0/0", "10.0.2.1"], ["192.0.2.1/32", ""]]
    first, again, six, other, nothing, none_at_all = configured(
        (["10.0.2.9/24"], routes, 1400, 4),
        (["10.0.2.9/24"], routes, 1400, 4),
        (["fd00::7/64"], [], 0, 6),
        (["10.0.3.7/25", "10.0.1.7/25"], [], 0, 4),
        ([], [], 0, 4),
        ([], [], 0, 6),
    )
    assert first[:2] == again[:2] == [[], ["10.0.2.9/24"]]
    assert "0102000A" in str(first[2]) and "010200C0" in str(first[2])  # gateway and host
    assert first[3] == 1400
    assert six[:2] == [[], ["10.0.2.9/24", "fd00::7/64"]]  # the other version stays
    assert other[:2] == [[], ["10.0.1.7/25", "10.0.3.7/25", "fd00::7/64"]]
    assert "0102000A" not in str(other[2])
    assert nothing[:2] == [[], ["fd00::7/64"]]
    assert none_at_all[:2] == [[], []]


def test_a_route_that_cannot_be_is_said_and_costs_no_address() -> None:
    [done] = configured((["10.0.2.9/24"], [["10.9.0.0/16", "192.0.2.77"]], 0, 4))
    assert done[0] == ["no route to 10.9.0.0/16 by 192.0.2.77: Network is unreachable"]
    assert done[1] == ["10.0.2.9/24"]


RENAME = """
import socket, subprocess
from initpy.runtime.net import kernel

for each in ("one", "two"):
    for words in (f"add name {each} type dummy", f"property add dev {each} altname also{each}"):
        subprocess.run(["ip", "link", *words.split()], check=True)
kernel.rename("one", "alsoone")
kernel.rename("alsoone", "alsotwo", "aside")
print(*sorted(name for _, name in socket.if_nameindex()))
"""


@pytest.mark.skipif(shutil.which("ip") is None, reason="needs ip(8)")
def test_a_link_may_get_a_name_that_udev_has_given_it_beside_its_own() -> None:
    command = [*IN_A_NAMESPACE, sys.executable, "-c", RENAME]
    done = subprocess.run(command, capture_output=True, text=True)
    if "Operation not supported" in done.stderr or "Unknown device type" in done.stderr:
        pytest.skip("the kernel has no dummy links")
    assert done.stdout.split() == ["aside", "lo", "two"], done.stderr
