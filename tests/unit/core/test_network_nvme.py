"""NVMe over TCP (R15, R16): discovery, connections, their tries, and the reasons of a failure."""

import json
from typing import Any

import pytest
from desk import block, luks
from test_network_root import NetDesk, link

from initpy.core.actions import Record
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.events import DeviceRemoved, JobEnded
from initpy.core.netsettings import LinkMatch, LinkRequest, NetworkSettings, Nvme, NvmeRoot
from initpy.core.network.actions import Configure, Resolve
from initpy.core.network.events import Resolved
from initpy.core.network.nvme import entries
from initpy.core.network.values import LinkConfig
from initpy.core.settings import Settings

NQN = "nqn.2004-01.org.example:store"
HOST = "nqn.2014-08.org.nvmexpress:uuid:5f1ab8a5-0001-4f6e-a1c5-000000000001"
ASKED = NvmeRoot("tcp", "10.0.2.1", port=4420)
DISCOVERY = "nvme-discovery@target/nvme@10.0.2.1:4420"
CONNECT = f"nvme-connect@target/{NQN}@10.0.2.1:4420"
ENTRY = {
    "trtype": "tcp", "adrfam": "ipv4", "subtype": "nvme subsystem", "trsvcid": "4420",
    "subnqn": NQN, "traddr": "10.0.2.1",
}  # fmt: skip
REFUSED = "Failed to write to /dev/nvme-fabrics: Connection refused"
EIO = "Failed to write to /dev/nvme-fabrics: Input/output error"


def said(*changes: dict[str, Any]) -> str:
    """What nvme-cli prints: the usual entry, changed."""
    return json.dumps({"genctr": 1, "records": [ENTRY | each for each in changes]})


def desk_of(*targets: NvmeRoot, **changes: Any) -> NetDesk:
    """A desk with the driver loaded and a link ready."""
    wanted = NetworkSettings(links=(LinkRequest(),), targets=targets, nvme=Nvme(HOST, HOST[-36:]))
    wanted = wanted._replace(**changes)
    desk = NetDesk(Settings(root=DeviceSpec(Naming.UUID, "1-2"), network=wanted))
    desk.see(link(up=False), link())
    desk.end("nvme-driver")
    desk.lease()
    desk.configured()
    return desk


def fail(desk: NetDesk, job: str, complaint: str) -> None:
    """The last run of a job fails with this complaint, which need not be the last line."""
    last = complaint.replace("Failed to write", "could not add a controller: failed to write")
    desk.give(JobEnded(job, desk.runs(job)[-1].run, 1, "", last, f"{complaint}\n{last}"))


def root(desk: NetDesk) -> None:
    """The namespace of root shows."""
    seen = block("nvme0n1", ID_FS_TYPE="ext4", ID_FS_USAGE="filesystem", ID_FS_UUID_ENC="1-2")
    desk.see(seen._replace(links=frozenset({"/dev/disk/by-uuid/1-2"})))


def test_what_a_controller_names_is_connected_and_root_is_its_namespace() -> None:
    desk = desk_of(ASKED)
    [run] = desk.runs(DISCOVERY)
    assert run.argv[:2] == ("nvme", "discover")
    assert {"--traddr=10.0.2.1", "--trsvcid=4420", "--host-traddr=none"} <= {*run.argv}
    desk.end(DISCOVERY, output=said({}))
    [run] = desk.runs(CONNECT)
    assert {f"--nqn={NQN}", "--ctrl-loss-tmo=-1"} <= {*run.argv}
    desk.end(CONNECT)
    root(desk)
    assert desk.mounts()[-1].source == "/dev/nvme0n1"


def test_a_controller_by_its_host_name_is_asked_at_its_addresses_in_turn() -> None:
    """nvme-cli of Debian resolves no names."""
    desk = desk_of(ASKED._replace(server="store"))
    job = "nvme-discovery@target/nvme@store:4420"
    assert not desk.runs(job)
    asked = [each for _, each in desk.actions(Resolve)]
    assert asked == [Resolve("store")]
    desk.give(Resolved("store", (), "Temporary failure in name resolution"))
    assert "store: Temporary failure in name resolution; it is asked for again" in desk.reports()
    desk.wait(desk.now + 2.1)
    assert len(desk.actions(Resolve)) == 2 and not desk.runs(job)
    desk.give(Resolved("store", ("10.0.2.9", "10.0.2.1")))
    assert "--traddr=10.0.2.9" in desk.runs(job)[-1].argv
    fail(desk, job, REFUSED)
    desk.wait(desk.now + 1.5)
    assert "--traddr=10.0.2.1" in desk.runs(job)[-1].argv
    desk.end(job, output=said({}))
    assert desk.runs(CONNECT)


def test_the_name_of_this_machine_is_in_files_and_in_no_argument() -> None:
    desk = desk_of(ASKED)
    kept = {each.name: each for _, each in desk.log if isinstance(each, Record)}
    assert kept["hostnqn"].text == f"{HOST}\n"
    assert kept["hostid"].text == f"{HOST[-36:]}\n"
    assert kept["hostid"].folder == "/etc/nvme"
    assert HOST not in " ".join(desk.runs(DISCOVERY)[0].argv)


@pytest.mark.parametrize(
    ("complaint", "why", "pause"),
    [
        (REFUSED, "no NVMe/TCP server answers there", 1.0),
        (REFUSED.replace("Connection refused", "Connection timed out"), "no NVMe/TCP server", 1.0),
        (REFUSED.replace("Connection refused", "Network is unreachable"), "no route leads", 1.0),
        (EIO, "the server has no such subsystem, or does not admit this machine", 10.0),
        ("Failed to open /dev/nvme-fabrics: No such file or directory", "no driver nvme_tcp", 1.0),
        ("Failed to scan topology: No such file or directory", "no driver nvme_tcp", 1.0),
        ("could not add: Key was rejected by service", "authentication failed", 10.0),
        ("could not add: failed to write to nvme-fabrics device", "the kernel cannot", 1.0),
        ("anything else", "anything else (status 1)", 1.0),
    ],
)
def test_why_there_is_no_connection_is_said_once_and_it_is_tried_again(
    complaint: str, why: str, pause: float
) -> None:
    desk = desk_of(ASKED)
    desk.end(DISCOVERY, output=said({}))
    for _ in range(2):
        fail(desk, CONNECT, complaint)
        assert desk.reports().count(why) == 1
        before = len(desk.runs(CONNECT))
        desk.wait(desk.now + pause - 0.1)
        assert len(desk.runs(CONNECT)) == before
        desk.wait(desk.now + 1.3)
        assert len(desk.runs(CONNECT)) == before + 1
    fail(desk, CONNECT, complaint)
    assert any(why in node.reason for node in desk.nodes())
    assert any(node.state == "not connected" for node in desk.nodes())


def test_a_connection_of_an_engine_before_is_taken() -> None:
    desk = desk_of(ASKED)
    desk.end(DISCOVERY, output=said({}))
    fail(desk, CONNECT, "already connected")
    desk.wait(desk.now + 5.0)
    assert len(desk.runs(CONNECT)) == 1
    assert "tried again" not in desk.reports()


@pytest.mark.parametrize(
    ("output", "why"),
    [
        (said(), f"it has no subsystem for this machine ({HOST})"),
        (said({"trtype": "rdma"}), "it has no subsystem for this machine"),
        ("", "nvme-cli's answer is not understood"),
        ("[]", "nvme-cli's answer is not understood"),
    ],
)
def test_a_controller_without_a_subsystem_is_asked_again(output: str, why: str) -> None:
    desk = desk_of(ASKED)
    desk.end(DISCOVERY, output=output)
    assert desk.reports().count(why) == 1
    desk.wait(desk.now + 10.5)
    assert len(desk.runs(DISCOVERY)) == 2


def test_what_a_controller_has_later_is_found_while_there_is_no_root() -> None:
    desk = desk_of(ASKED)
    desk.end(DISCOVERY, output=said({}))
    desk.end(CONNECT)
    desk.wait(desk.now + 15.5)
    assert len(desk.runs(DISCOVERY)) == 2
    desk.end(DISCOVERY, output=said({}, {"subnqn": f"{NQN}-2"}))
    assert len(desk.runs(CONNECT)) == 1
    assert len(desk.runs(CONNECT.replace(NQN, f"{NQN}-2"))) == 1
    root(desk)
    desk.mounted()
    desk.wait(desk.now + 60.0)
    assert len(desk.runs(DISCOVERY)) == 2


def test_a_controller_that_goes_once_it_has_answered_holds_nothing_up() -> None:
    desk = desk_of(ASKED)
    desk.end(DISCOVERY, output=said({}))
    desk.end(CONNECT)
    desk.wait(desk.now + 15.5)
    fail(desk, DISCOVERY, REFUSED)
    assert "tried again" not in desk.reports()
    desk.wait(desk.now + 14.0)
    assert len(desk.runs(DISCOVERY)) == 2
    desk.wait(desk.now + 1.5)
    desk.end(DISCOVERY, output=said())
    assert "tried again" not in desk.reports()
    assert not any(node.state == "not connected" for node in desk.nodes())


def test_without_a_port_both_usual_ones_are_tried_in_turn() -> None:
    asked = "nvme-discovery@target/nvme@10.0.2.1"
    desk = desk_of(ASKED._replace(port=0))
    for port in (4420, 8009, 4420):
        assert f"--trsvcid={port}" in desk.runs(asked)[-1].argv
        fail(desk, asked, REFUSED)
        desk.wait(desk.now + 5.0)
    assert desk.reports().count("no NVMe/TCP server answers there") == 1
    desk.end(asked, output=said())
    desk.wait(desk.now + 11.0)
    fail(desk, asked, REFUSED)
    desk.wait(desk.now + 11.0)
    assert all("--trsvcid=8009" in each.argv for each in desk.runs(asked)[-2:])


def test_both_ports_are_tried_over_each_of_two_links() -> None:
    asked = "nvme-discovery@target/nvme@10.0.2.1"
    desk = desk_of(ASKED._replace(port=0))
    desk.see(link("eth1", up=False), link("eth1"))
    desk.lease("eth1", address="10.0.3.15", server="10.0.3.2")
    tried = set[tuple[str, str]]()
    for _ in range(6):
        [way] = [each for each in ("eth0", "eth1") if desk.configs(each)[-1:] > [LinkConfig()]]
        [port] = [each[-4:] for each in desk.runs(asked)[-1].argv if "trsvcid" in each]
        tried.add((way, port))
        fail(desk, asked, REFUSED)
        if desk.configs(way)[-1] == LinkConfig():
            desk.configured("eth1" if way == "eth0" else "eth0")
        desk.wait(desk.now + 9.0)
    assert tried == {(way, port) for way in ("eth0", "eth1") for port in ("4420", "8009")}


def test_a_server_that_does_not_answer_at_all_does_not_keep_the_turn_of_its_link() -> None:
    desk = desk_of(ASKED)
    desk.see(link("eth1", up=False), link("eth1"))
    desk.lease("eth1", address="10.0.3.15", server="10.0.3.2")
    desk.wait(desk.now + 95.0)  # the job's limit
    desk.end(DISCOVERY, status=-15)
    assert desk.configs()[-1] == LinkConfig()
    assert desk.configs("eth1")[-1].addresses == ("10.0.3.15/24",)


def test_a_path_that_fails_does_not_take_the_link_from_another_that_leads() -> None:
    desk = desk_of(ASKED, ASKED._replace(server="10.0.9.1"))
    desk.see(link("eth1", up=False), link("eth1"))
    desk.lease("eth1", address="10.0.2.16")
    desk.end(DISCOVERY, output=said({}))
    desk.end(CONNECT)
    other = DISCOVERY.replace("10.0.2.1", "10.0.9.1")
    fail(desk, other, REFUSED)
    given = [each for _, each in desk.log if isinstance(each, Configure)]
    assert not any(each.config == LinkConfig() for each in given)


def test_each_path_is_reached_by_a_link_of_its_own() -> None:
    requests = tuple(LinkRequest(LinkMatch(name=name)) for name in ("eth0", "eth1"))
    wanted = NetworkSettings(links=requests, targets=(ASKED,), nvme=Nvme(HOST, HOST[-36:]))
    desk = NetDesk(Settings(root=DeviceSpec(Naming.UUID, "1-2"), network=wanted))
    desk.see(link(up=False), link())
    desk.see(link("eth1", up=False), link("eth1"))
    desk.end("nvme-driver")
    desk.lease()
    desk.configured()
    desk.lease("eth1", address="10.0.3.15", server="10.0.3.2")
    desk.configured("eth1")
    desk.end(DISCOVERY, output=said({}, {"traddr": "10.0.3.1"}))
    [run] = desk.runs(CONNECT.replace("10.0.2.1", "10.0.3.1"))
    assert "--traddr=10.0.3.1" in run.argv


def test_entries_are_taken_with_what_was_said_of_the_one_that_was_asked() -> None:
    asked = ASKED._replace(source="10.0.2.7")
    text = said(
        {"traddr": "10.0.3.1"},
        {"traddr": "fd00::1", "trsvcid": "4421"},
        {"subtype": "discovery subsystem referral", "trsvcid": "8009", "subnqn": "nqn.x"},
        {"subtype": "current discovery subsystem"},
        {"trtype": "rdma"}, {"traddr": "none"}, {"trsvcid": "x"}, {"subnqn": "--nqn"},
    )  # fmt: skip
    assert entries(text, asked) == (
        NvmeRoot("tcp", "10.0.3.1", "10.0.2.7", 4420, NQN),
        NvmeRoot("tcp", "fd00::1", "", 4421, NQN),
        NvmeRoot("tcp", "10.0.2.1", "10.0.2.7", 8009),
    )
    assert entries('{"records": 5}', asked) is None


def test_what_fails_once_root_is_mounted_is_not_told() -> None:
    desk = desk_of(ASKED)
    desk.end(DISCOVERY, output=said({}, {"traddr": "10.0.3.1"}))
    desk.end(CONNECT)
    root(desk)
    desk.mounted()
    fail(desk, f"nvme-connect@target/{NQN}@10.0.3.1:4420", REFUSED)
    assert "no NVMe/TCP server answers there" not in desk.reports()


def test_a_connection_that_the_kernel_has_given_up_is_made_anew() -> None:
    desk = desk_of(ASKED)
    desk.end(DISCOVERY, output=said({}))
    desk.end(CONNECT)
    root(desk)
    assert len(desk.runs(CONNECT)) == 1
    desk.give(DeviceRemoved("nvme0n1"))
    assert len(desk.runs(CONNECT)) == 2
    fail(desk, CONNECT, EIO)  # the server has no subsystem yet
    desk.wait(desk.now + 11.0)
    assert len(desk.runs(CONNECT)) == 3
    fail(desk, CONNECT, "already connected")
    desk.wait(desk.now + 30.0)
    assert len(desk.runs(CONNECT)) == 3


def test_no_controller_is_asked_again_while_a_volume_on_what_it_has_is_being_unlocked() -> None:
    desk = desk_of(ASKED)
    desk.end(DISCOVERY, output=said({}))
    desk.end(CONNECT)
    desk.see(luks("nvme0n1"))
    desk.wait(desk.now + 1.0)
    desk.answer("correct horse")
    assert len(desk.runs("luks-open@nvme0n1")) == 1
    desk.wait(desk.now + 40.0)
    assert len(desk.runs(DISCOVERY)) == 1
    desk.end("luks-open@nvme0n1", 2)
    desk.wait(desk.now + 1.0)
    assert len(desk.asked()) == 2


def test_a_key_that_nvme_cli_prints_is_not_shown() -> None:
    desk = desk_of(ASKED._replace(subsystem=NQN))
    fail(desk, CONNECT, "Invalid key DHHC-1:01:aHVzaA==: for dhchap_secret")
    assert "Invalid key DHHC-1:01:…" in desk.reports()
    assert "aHVzaA" not in desk.reports() + str(desk.boot.explain(desk.now))


@pytest.mark.parametrize("name", ["testnqn", "timberland-01", "nvme-subsystem.x"])
def test_a_subsystem_may_have_any_name(name: str) -> None:
    found = entries(said({"subnqn": name}), ASKED)
    assert found == (NvmeRoot("tcp", "10.0.2.1", "", 4420, name),)
