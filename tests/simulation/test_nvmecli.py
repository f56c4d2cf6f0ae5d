"""What the model of nvme-cli answers, as the real one of Debian 12 does."""

import json
from pathlib import Path

from workshop import Workshop

from initpy.simulation.kernel.reading import Reading, reading

HOST = "nqn.2014-08.org.nvmexpress:uuid:5f1ab8a5-0001-4f6e-a1c5-000000000001"
STORE = "nqn.2004-01.org.example:store"
TEXT = f"""
[image.files]
"/etc/nvme/hostnqn" = "{HOST}\\n"

[[disk]]
name = "a"
size = "64M"

[[disk]]
name = "b"
size = "64M"

[[nic]]
name = "eth0"
lease = 0.5

[[server]]
name = "first"
kind = "nvme"
serves = ["a"]
target = "{STORE}"

[[server]]
name = "second"
kind = "nvme"
serves = ["a"]
target = "{STORE}"
port = 4421

[[server]]
name = "others"
kind = "nvme"
serves = ["b"]
target = "{STORE}-of-others"
admits = "nqn.2009-06.example:x"
"""
PLACE = ("--transport=tcp", "--traddr=10.0.2.1")
DISCOVER = ("nvme", "discover", *PLACE, "--trsvcid=4420", "--output-format=json")
CONNECT = ("nvme", "connect", *PLACE, "--trsvcid=4420", f"--nqn={STORE}")


def desk(folder: Path, *, driver: bool = True) -> Workshop:
    """A machine with an address."""
    found = Workshop(folder, TEXT)
    assert found.world.network is not None
    link = found.world.network.links["eth0"]
    link.there = link.up = True
    link.addresses = ("10.0.2.7/24",)
    if driver:
        found.run("modprobe", "nvme_tcp")
    return found


def test_a_server_names_what_it_has_for_this_machine(tmp_path: Path) -> None:
    answer = desk(tmp_path).run(*DISCOVER)
    records = json.loads(answer.output)["records"]
    assert [(each["subnqn"], each["trsvcid"]) for each in records] == [(STORE, "4420")]


def test_why_nothing_is_connected(tmp_path: Path) -> None:
    """libnvme 1.3, __nvmf_add_ctrl(); the kernel has EIO for whatever a server refuses."""
    assert "Failed to scan topology" in desk(tmp_path, driver=False).run(*DISCOVER).complaints
    found = desk(tmp_path)
    refused = found.run(*DISCOVER[:-2], "--trsvcid=8009")
    assert refused.complaints == (
        "Failed to write to /dev/nvme-fabrics: Connection refused\n"
        "failed to add controller, error connection refused"
    )
    for name in (f"{STORE}-of-others", f"{STORE}-x"):
        answer = found.run(*CONNECT[:-1], f"--nqn={name}")
        assert answer.status == 1
        assert "Input/output error" in answer.complaints


def test_two_paths_are_one_device_which_waits_without_both(tmp_path: Path) -> None:
    found = desk(tmp_path)
    network = found.world.network
    assert network is not None
    assert found.run(*CONNECT).status == 0
    assert found.run(*CONNECT[:-2], "--trsvcid=4421", f"--nqn={STORE}").status == 0
    again = found.run(*CONNECT)
    assert (again.status, again.complaints) == (1, "already connected")
    found.settle()
    [name] = found.world.plugged.values()
    block = found.world.blocks[name]
    assert found.world.plugged == {"a": name}
    for server, how in (("first", Reading.WORKS), ("second", Reading.WAITS)):
        found.server(server, False)
        assert reading(found.world, block) is how
    found.server("second", True)
    found.settle()
    assert reading(found.world, block) is Reading.WORKS
