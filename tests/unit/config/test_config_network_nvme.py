"""What the files in /etc/nvme say: controllers to ask, and who this machine is."""

import json

import pytest

from initpy.config.network.nvme import (
    DISCOVERY,
    HOST_ID,
    HOST_NQN,
    MACHINE,
    applied,
    without_secrets,
)
from initpy.config.network.nvmeconfig import DISCOVERY_NQN
from initpy.config.network.nvmeconfig import PATH as CONFIG
from initpy.config.settings import read_settings
from initpy.core.netsettings import NetworkSettings, NvmeRoot
from initpy.runtime.nvmehost import CHANCE, FIRMWARE, files

UUID, OTHER = "5f1ab8a5-0001-4f6e-a1c5-000000000001", "5f1ab8a5-0001-4f6e-a1c5-000000000002"
PREFIX = "nqn.2014-08.org.nvmexpress:uuid:"
ASKED = "root=UUID=1-2 rd.nvmf.discover=tcp,10.0.7.2"
CONF = "# a comment\n\n--transport=tcp --traddr=10.0.8.2 --host-traddr=none --trsvcid=8009\n"


def found(line: str, **given: str) -> tuple[NetworkSettings | None, list[str]]:
    """The network's settings with these files, and what is wrong; "hostnqn" is a file's name."""
    names = {"hostnqn": HOST_NQN, "hostid": HOST_ID, "discovery": DISCOVERY, "uuid": MACHINE,
             "config": CONFIG}  # fmt: skip
    settings, problems = read_settings(line)
    assert problems == ()
    known = {MACHINE: UUID} | {names[name]: text for name, text in given.items()}
    settings, wrong = applied(settings, known)
    return settings.network, [str(each) for each in wrong]


@pytest.mark.parametrize(
    ("line", "given", "name", "number"),
    [
        (ASKED, {}, PREFIX + UUID, UUID),
        (ASKED, {"hostnqn": f"{PREFIX}{OTHER}\n"}, PREFIX + OTHER, OTHER),
        (ASKED, {"hostnqn": "nqn.2009-06.example:me\n"}, "nqn.2009-06.example:me", UUID),
        (ASKED, {"hostid": OTHER.upper()}, PREFIX + UUID, OTHER),
        (f"{ASKED} rd.nvmf.hostnqn=nqn.2009-06.example:x", {"hostnqn": f"{PREFIX}{OTHER}"},
         "nqn.2009-06.example:x", UUID),
        (f"{ASKED} rd.nvmf.hostid={OTHER}", {"hostid": UUID}, PREFIX + UUID, OTHER),
    ],
)  # fmt: skip
def test_who_this_machine_is(line: str, given: dict[str, str], name: str, number: str) -> None:
    network, problems = found(line, **given)
    assert network is not None
    assert (network.nvme.host_nqn, network.nvme.host_id) == (name, number)
    assert problems == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"hostnqn": "my name"}, "/etc/nvme/hostnqn: 'my name': expected a name such as nqn."),
        ({"hostid": "me"}, "/etc/nvme/hostid: 'me': expected a UUID"),
        ({"discovery": "-t tcp"}, "/etc/nvme/discovery.conf:1: '-t tcp': expected --transport=tcp"),
        ({"discovery": f"{CONF}--transport=rdma --traddr=10.0.8.3"}, "discovery.conf:4: "),
        ({"discovery": "-t fc -a nn-0x1:pn-0x2"}, "(fc is not supported)"),
        ({"discovery": "-t tcp -a he/re"}, "--traddr=SERVER"),
    ],
)
def test_what_is_malformed_is_one_line_with_its_file(given: dict[str, str], said: str) -> None:
    network, [problem] = found(ASKED, **given)
    assert network is not None
    assert said in problem
    assert network.nvme.host_nqn == PREFIX + UUID


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("root=UUID=1-2", None),  # nothing asks for a network
        ("root=UUID=1-2 ip=dhcp", [NvmeRoot("tcp", "10.0.8.2", "", 8009)]),
        (ASKED, [NvmeRoot("tcp", "10.0.7.2"), NvmeRoot("tcp", "10.0.8.2", "", 8009)]),
        ("root=UUID=1-2 rd.nvmf.discover=tcp,10.0.8.2,,8009",
         [NvmeRoot("tcp", "10.0.8.2", "", 8009)]),
        (f"{ASKED} rd.nvmf.nostatic", [NvmeRoot("tcp", "10.0.7.2")]),
        (f"{ASKED} rd.nonvmf", []),
        ("root=nfs:10.0.7.2:/srv ip=dhcp", []),
        ("root=dhcp", []),
    ],
)  # fmt: skip
def test_when_the_controllers_of_the_image_count(line: str, asked: list[NvmeRoot] | None) -> None:
    network, _ = found(line, discovery=CONF)
    assert (None if network is None else list(network.targets)) == asked


@pytest.mark.parametrize("line", [ASKED, f"{ASKED} rd.nvmf.hostnqn=hostnqn-1"])
def test_a_name_without_a_date_is_used_and_reported(line: str) -> None:
    """nvmet, the kernel's server, takes any; so do tutorials."""
    settings, said = read_settings(line)
    settings, wrong = applied(settings, {MACHINE: UUID, HOST_NQN: "hostnqn-1\n"})
    assert settings.network is not None
    assert settings.network.nvme.host_nqn == "hostnqn-1"
    [problem] = [*said, *wrong]
    assert "it is used all the same" in str(problem)


def port(**fields: object) -> dict[str, object]:
    return {"transport": "tcp", "traddr": "10.0.8.2", "trsvcid": "4420", **fields}


def config(*ports: dict[str, object], nqn: str = "testnqn", host: str = PREFIX + UUID) -> str:
    subsystem = {"nqn": nqn, "ports": list(ports)}
    return json.dumps({"hosts": [{"hostnqn": host, "dhchap_key": "DHHC-1:00:hush:",
                                  "subsystems": [subsystem]}]})  # fmt: skip


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        (config(port(dhchap_ctrl_key="DHHC-1:00:mum:")),
         [NvmeRoot("tcp", "10.0.8.2", "", 4420, "testnqn")]),
        (config(port(trsvcid=8009, host_traddr="10.0.8.7"), nqn=DISCOVERY_NQN),
         [NvmeRoot("tcp", "10.0.8.2", "10.0.8.7", 8009)]),
        (config(port(discovery=True)), [NvmeRoot("tcp", "10.0.8.2", "", 4420)]),
        (config({"transport": "tcp", "traddr": "fd00::2"}),
         [NvmeRoot("tcp", "fd00::2", "", 4420, "testnqn")]),
        (config(port(transport="rdma"), port(transport="fc")), []),
        (config(port(), host="nqn.2014-08.org.example:another"), []),
        ("{}", None), ("[]", []), ('{"hosts": 3}', None), ("no JSON", None),
        (config(port(traddr="he/re")), None),
    ],
)  # fmt: skip
def test_connections_of_the_machine_count(text: str, asked: list[NvmeRoot] | None) -> None:
    network, problems = found("root=UUID=1-2 ip=dhcp", config=text)
    assert network is not None
    assert list(network.targets) == (asked or [])
    assert len(problems) == (asked is None)
    # As the journal has it, without secrets.
    kept = without_secrets({CONFIG: text})
    assert "DHHC" not in kept[CONFIG]
    again, _ = found("root=UUID=1-2 ip=dhcp", config=kept[CONFIG])
    assert again == network


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("--transport=tcp --traddr=192.168.1.50 --trsvcid=8009",
         NvmeRoot("tcp", "192.168.1.50", "", 8009)),
        ("--transport=tcp --traddr=10.0.8.2 --trsvcid=4420 --host-iface=ens1f1np1 "
         "--host-traddr=192.168.100.11 --nqn=nqn.x --ctrl-loss-tmo=1800 --reconnect-delay=10",
         NvmeRoot("tcp", "10.0.8.2", "192.168.100.11", 4420)),
        ("-t tcp -a 10.0.8.2 -s 8009 -l -1 -p -Q 128", NvmeRoot("tcp", "10.0.8.2", "", 8009)),
        ("--transport tcp --traddr 10.0.8.2", NvmeRoot("tcp", "10.0.8.2")),
        ("\t-t tcp\t-a fd00::8\t-s none", NvmeRoot("tcp", "fd00::8")),
        ("-t tcp -a [fd00::8] --quiet", NvmeRoot("tcp", "fd00::8")),
    ],
)  # fmt: skip
def test_lines_of_discovery_conf_as_manuals_have_them(line: str, asked: NvmeRoot) -> None:
    network, problems = found("root=UUID=1-2 ip=dhcp", discovery=f"# Host\n{line}\n")
    assert problems == []
    assert network is not None
    assert list(network.targets) == [asked]


def test_short_options_and_those_that_are_not_ours() -> None:
    network, problems = found(ASKED, discovery="-t tcp -a fd00::1 -w fd00::2 -s 4421 -q nqn.x -k 5")
    assert network is not None
    assert network.targets[-1] == NvmeRoot("tcp", "fd00::1", "fd00::2", 4421)
    assert problems == []


@pytest.mark.parametrize(
    ("firmware", "chance", "uuid"),
    [(UUID.upper(), OTHER, UUID), ("0" * 8, OTHER, OTHER), (None, OTHER, OTHER),
     ("ffffffff-ffff-ffff-ffff-ffffffffffff", OTHER, OTHER)],
)  # fmt: skip
def test_the_uuid_of_a_machine_is_the_firmwares_or_one_by_chance(
    firmware: str | None, chance: str, uuid: str
) -> None:
    known = {FIRMWARE: firmware, CHANCE: f"{chance}\n", HOST_NQN: "nqn.x\n"}
    assert files(known.get) == {HOST_NQN: "nqn.x\n", MACHINE: uuid}
