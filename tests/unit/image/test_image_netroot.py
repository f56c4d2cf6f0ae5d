"""The check proves a root on the network, or of the hypervisor, as it does one on disks (R28)."""

from pathlib import Path

import pytest
from fake_system import FakeSystem, card, iscsi, nested, nvme_tcp
from writing import archive_of

from initpy.config.jobs import json_text
from initpy.config.project import PROJECT
from initpy.config.settings import read_settings
from initpy.image.check import netroot
from initpy.image.check.check import prove
from initpy.image.check.proof import Proof, Verdict
from initpy.image.content.needs import load_jobs
from initpy.image.stack import hostonly
from initpy.image.stack.describe import describe
from initpy.image.tree import File, Tree

PART = "/usr/lib/python3.11/initpy/runtime/net/network.pyc"

HOST = "the NVMe name of this machine"


def proved(system: FakeSystem, cmdline: str, *, network: bool = True) -> Proof:
    """Prove an image with all job files, without programs and drivers."""
    tree = Tree()
    for path in sorted((PROJECT / "jobs").glob("*.toml")):
        tree.add(f"/usr/lib/initpy/jobs/{path.stem}.json", File(json_text(path).encode()))
    if network:
        tree.add(PART, File(b""))
    archive, stack = archive_of(tree, Path("test.img")), describe("/", system)
    return prove(archive, stack, stack.kernel, modules=Path("/nonexistent"), run=False,
                 cmdline=cmdline)  # fmt: skip


def verdict(proof: Proof, layer: str, need: str) -> tuple[Verdict, str]:
    """The verdict on one need."""
    (row,) = (row for row in proof.rows if (row.layer, row.need) == (layer, need))
    return row.verdict, row.reason


def nfs() -> FakeSystem:
    system = FakeSystem()
    card(system)
    system.mount("/", "nfs4", "10.0.2.2:/srv/root", "0:40", "rw,vers=4.2,addr=10.0.2.2")
    return system


def virtiofs() -> FakeSystem:
    system = FakeSystem()
    node = system.bus(
        "/sys/devices/pci0000:00/virtio3", "virtio", "virtiofs", "virtiofs", "virtio:d1A"
    )
    system.links["/sys/bus/virtio/drivers/virtiofs/virtio3"] = node
    system.mount("/", "virtiofs", "share", "0:41", "rw")
    return system


@pytest.mark.parametrize(
    ("cmdline", "found", "reason"),
    [
        ("root=nfs:10.0.2.2:/srv/root", Verdict.OK, "10.0.2.2:/srv/root"),
        ("root=/dev/nfs nfsroot=/srv/root ip=dhcp", Verdict.OK, "/srv/root"),
        ("root=dhcp", Verdict.WARNING, "the lease names the root"),
        ("root=nfs:server:/srv/root", Verdict.UNKNOWN, "whether server:/srv/root is 10.0.2.2"),
        ("root=UUID=12-34", Verdict.MISSING, "root=nfs:10.0.2.2:/srv/root"),
    ],
)
def test_the_name_of_an_nfs_root(cmdline: str, found: Verdict, reason: str) -> None:
    judged, text = verdict(proved(nfs(), cmdline), "the command line", "root=")
    assert judged is found
    assert reason in text


def test_a_root_on_disks_is_not_on_the_network() -> None:
    judged, reason = verdict(
        proved(nested(), "root=nfs:10.0.2.2:/srv"), "the command line", "root="
    )
    assert judged is Verdict.MISSING
    assert reason.startswith("it names a root on the network")


def test_an_nfs_root_needs_the_engines_part_and_no_helper() -> None:
    proof = proved(nfs(), "root=nfs:10.0.2.2:/srv/root")
    assert verdict(proof, "the network", "its programs")[0] is Verdict.OK
    assert verdict(proof, "the network", "a mount helper")[0] is Verdict.OK
    layer = "nfs4 on 10.0.2.2:/srv/root (file system)"
    assert verdict(proof, layer, "job") == (Verdict.OK, "mount-export on interface eth0")
    lacking = proved(nfs(), "root=nfs:10.0.2.2:/srv/root", network=False)
    judged, reason = verdict(lacking, "the network", "its programs")
    assert judged is Verdict.MISSING
    assert "network = false" in reason


def test_a_root_on_disks_needs_no_network() -> None:
    assert not [row for row in proved(nested(), "root=UUID=1").rows if row.layer == "the network"]


def test_a_share_of_the_hypervisor() -> None:
    proof = proved(virtiofs(), "root=virtiofs:share", network=False)
    assert verdict(proof, "the command line", "root=") == (Verdict.OK, "share")
    layer = "virtiofs on share (file system)"
    assert verdict(proof, layer, "job")[1].startswith("mount-export on ")
    assert not [row for row in proof.rows if row.layer == "the network"]


def test_a_host_only_image_has_what_its_root_on_the_network_needs() -> None:
    jobs = load_jobs([PROJECT / "jobs"])

    def chosen(system: FakeSystem) -> set[str]:
        return {Path(each.source).stem for each in hostonly.chosen(jobs, describe("/", system), ())}

    assert {"network", "network-links"} <= chosen(nfs())
    assert {"iscsi", "network-links"} <= chosen(iscsi())
    assert {"nvme", "network-links"} <= chosen(nvme_tcp())
    assert "nvme" not in chosen(iscsi()) | chosen(nvme_tcp("rdma"))
    assert not {"iscsi", "nvme", "network-links"} & (chosen(nested()) | chosen(virtiofs()))
    assert "iscsi" not in chosen(nfs())
    assert "network" in chosen(virtiofs())


def test_an_iscsi_root_needs_tools_a_driver_and_the_name_of_this_machine() -> None:
    cmdline = "root=/dev/sda netroot=iscsi:10.0.2.2::::iqn.2009-06.example:disk"
    proof = proved(iscsi(), cmdline)
    assert verdict(proof, "/dev/sda (disk)", "job")[0] is Verdict.OK
    for program in ("iscsid", "iscsiadm"):
        assert verdict(proof, "/dev/sda (disk)", f"program {program}")[0] is Verdict.MISSING
    judged, reason = verdict(proof, "the network", "the initiator's name")
    assert judged is Verdict.MISSING
    assert "rd.iscsi.initiator=" in reason
    named = proved(iscsi(), f"{cmdline} rd.iscsi.initiator=iqn.2009-06.example:me")
    assert verdict(named, "the network", "the initiator's name")[0] is Verdict.OK


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("## DO NOT EDIT\nInitiatorName=iqn.1993-08.org.debian:01:e1ab\n", Verdict.OK),
        ("InitiatorAlias=x\n  InitiatorName = iqn.x:y", Verdict.OK),
        # As the package installs it: the first start of iscsid makes a name.
        ("GenerateName=yes\n", Verdict.MISSING),
        ("#InitiatorName=iqn.x:y\n", Verdict.MISSING),
        ("InitiatorName=\n", Verdict.MISSING),
        ("", Verdict.MISSING),
    ],
)
def test_the_file_may_have_no_name_yet(text: str, found: Verdict) -> None:
    tree = Tree()
    tree.add("/etc/iscsi/initiatorname.iscsi", File(text.encode()))
    stack = describe("/", iscsi())
    rows = netroot.rows(archive_of(tree, Path("x.img")), stack, read_settings("root=/dev/sda")[0])
    assert [row.verdict for row in rows if row.need == "the initiator's name"] == [found]


@pytest.mark.parametrize(
    ("words", "where", "found", "reason"),
    [
        ("rd.nvmf.discover=tcp,10.0.2.2", "discover", Verdict.OK, "are asked: 10.0.2.2"),
        ("ip=dhcp", "discover", Verdict.MISSING, "names a controller: rd.nvmf.discover=tcp"),
        ("rd.nvmf.hostnqn=nqn.2009-06.example:me", "name", Verdict.OK, "example:me"),
        ("rd.nvmf.hostnqn=nqn.2009-06.example:x", "name", Verdict.WARNING, "knows this machine"),
        ("ip=dhcp", "name", Verdict.MISSING, "rd.nvmf.hostnqn="),
    ],
)
def test_an_nvme_root_needs_a_controller_to_ask_and_the_name_of_this_machine(
    words: str, where: str, found: Verdict, reason: str
) -> None:
    rows = {
        "discover": ("the command line", "rd.nvmf.discover="),
        "name": ("the network", HOST),
    }
    proof = proved(nvme_tcp(), f"root=UUID=7a0c {words}")
    judged, text = verdict(proof, *rows[where])
    assert judged is found
    assert reason in text
    assert verdict(proof, "/dev/nvme0n1 (disk)", "program nvme")[0] is Verdict.MISSING
    assert verdict(proof, "/dev/nvme0n1 (disk)", "job")[0] is Verdict.OK


@pytest.mark.parametrize(
    ("words", "found"), [("", Verdict.OK), ("rd.nvmf.nonbft ip=dhcp", Verdict.MISSING)]
)
def test_the_firmwares_table_names_an_nvme_root(words: str, found: Verdict) -> None:
    system = nvme_tcp()
    system.texts["/sys/firmware/acpi/tables/NBFT"] = "NBFT"
    proof = proved(system, f"root=UUID=7a0c {words}")
    for row in (("the command line", "rd.nvmf.discover="), ("the network", HOST)):
        judged, reason = verdict(proof, *row)
        assert judged is found
        assert ("NBFT" in reason) is (found is Verdict.OK)


@pytest.mark.parametrize(
    ("words", "found"),
    [("bond=bond0:eth0 ip=bond0:dhcp", Verdict.OK), ("ip=dhcp", Verdict.MISSING)],
)
def test_a_bond_below_root_has_to_be_made(words: str, found: Verdict) -> None:
    system, bond = nfs(), "/sys/devices/virtual/net/bond0"
    system.links["/sys/class/net/bond0"] = bond
    system.texts[f"{bond}/uevent"] = "DEVTYPE=bond\n"
    system.texts[f"{bond}/lower_eth0/ifindex"] = "2\n"
    routes = system.texts["/proc/net/route"]
    system.texts["/proc/net/route"] = routes.replace("eth0", "bond0")
    proof = proved(system, f"root=nfs:10.0.2.2:/srv/root {words}")
    judged, _ = verdict(proof, "the command line", "bond0")
    assert judged is found


@pytest.mark.parametrize(
    ("words", "found", "reason"),
    [
        ("", Verdict.OK, "dhcp"),
        ("ip=eth0:dhcp", Verdict.OK, "dhcp"),
        ("ip=10.0.2.15:::24::eth0:none", Verdict.OK, "none"),
        ("ip=10.9.9.9::10.9.9.1:24::eth0:none", Verdict.OK, "none"),
        ("ip=10.9.9.9:::24::eth0:none rd.route=10.0.2.0/24::eth0", Verdict.OK, "none"),
        ("ip=10.9.9.9:10.0.2.2::32::eth0:none", Verdict.OK, "none"),
        ("ip=10.9.9.9:::24::eth0:none", Verdict.MISSING, "10.9.9.9/24 has no way to 10.0.2.2"),
        ("ip=off", Verdict.MISSING, "keeps all interfaces down"),
        ("ip=eth0:off", Verdict.MISSING, "keeps all interfaces down"),
        ("ip=eth9:dhcp", Verdict.MISSING, "the command line sets up other interfaces: eth9"),
        ("bootdev=eth7", Verdict.MISSING, "the command line sets up other interfaces: eth7"),
        ("vlan=eth0.5:eth0 ip=eth0.5:dhcp", Verdict.MISSING, "other interfaces: eth0.5"),
        ("bond=bond0:eth0 ip=bond0:dhcp", Verdict.MISSING, "as a member of bond0"),
        ("ip=dhcp6", Verdict.MISSING, "a DHCPv6 client in the image"),
        ("ip=eth0:link6", Verdict.MISSING, "link6 gives it no address for 10.0.2.2"),
        ("BOOTIF=01-52-54-00-00-00-99", Verdict.UNKNOWN, "the MAC address of the command line"),
        ("ip=eth9:dhcp net.ifnames=0", Verdict.UNKNOWN, "net.ifnames= or ifname= has a say"),
        ("ip=ibft", Verdict.WARNING, "the firmware's table"),
    ],
)
def test_the_interface_to_the_server_gets_an_address(
    words: str, found: Verdict, reason: str
) -> None:
    proof = proved(nfs(), f"root=nfs:10.0.2.2:/srv/root {words}")
    judged, text = verdict(proof, "the command line", "ip= for eth0")
    assert judged is found
    assert reason in text


def test_the_mac_address_of_the_interface_is_known() -> None:
    system = nfs()
    place = system.links["/sys/class/net/eth0"]
    system.texts[f"{place}/address"] = "52:54:00:00:00:01\n"
    for word, found in (("01", Verdict.OK), ("02", Verdict.MISSING)):
        line = f"root=nfs:10.0.2.2:/srv/root ip=52-54-00-00-00-{word}:dhcp"
        assert verdict(proved(system, line), "the command line", "ip= for eth0")[0] is found


IQN = "iqn.2009-06.example:disk"


@pytest.mark.parametrize(
    ("words", "found", "reason"),
    [
        (f"netroot=iscsi:10.0.2.2::::{IQN}", Verdict.OK, "logs in to it"),
        (f"rd.iscsi.target.ip=10.0.2.2 rd.iscsi.target.name={IQN}", Verdict.OK, "logs in to it"),
        ("rd.iscsi.target.ip=10.0.2.2", Verdict.OK, "logs in to it"),
        ("", Verdict.MISSING, f"nothing names a target: netroot=iscsi:10.0.2.2::::{IQN}"),
        ("ip=dhcp", Verdict.MISSING, "nothing names a target"),
        ("netroot=iscsi:10.0.2.2::::iqn.2009-06.example:other", Verdict.MISSING, "example:other"),
        (f"netroot=iscsi:10.0.9.9::::{IQN}", Verdict.UNKNOWN, "whether 10.0.9.9 leads to it"),
        ("rd.iscsi.firmware=1", Verdict.WARNING, "the firmware's table names targets"),
        ("netroot=dhcp", Verdict.WARNING, "the lease names targets"),
    ],
)
def test_the_command_line_names_the_target(words: str, found: Verdict, reason: str) -> None:
    system = iscsi()
    system.texts["/sys/class/iscsi_session/session1/targetname"] = f"{IQN}\n"
    proof = proved(system, f"root=/dev/sda {words}")
    judged, text = verdict(proof, "the command line", f"netroot= for iSCSI target {IQN}")
    assert judged is found
    assert reason in text
