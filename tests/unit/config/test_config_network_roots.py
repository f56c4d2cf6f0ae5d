"""Roots on the network, and the sessions below them, as their documents write them (R16)."""

import subprocess
import sys
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initpy.config.network import wish
from initpy.config.network.iscsi import default_parameters, file_parameters
from initpy.config.networkwords import PARAMETERS, PASSIVE
from initpy.config.settings import read_settings
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.netsettings import (
    Chap,
    IscsiRoot,
    LinkMatch,
    LinkRequest,
    Method,
    NbdRoot,
    NetworkSettings,
    NfsRoot,
    NinePRoot,
    NvmeRoot,
    Target,
    VirtioFsRoot,
)
from initpy.core.settings import RootMount, Settings

SERVER = "10.0.7.2"
IQN = "iqn.2009-06.dracut:target0"
LOGIN = ("me", b"hush", "", None)
MUTUAL = ("me", b"hush", "they", b"mum")


def settings(line: str) -> Settings:
    """The settings of a command line without an error."""
    found, problems = read_settings(line)
    assert problems == ()
    return found


def network(line: str) -> NetworkSettings:
    """What a command line without an error asks of the network."""
    found = settings(line).network
    assert found is not None
    return found


def path(text: str) -> DeviceSpec:
    """A device by its path."""
    return DeviceSpec(Naming.PATH, text)


def revealed(login: Chap) -> tuple[str, bytes | None, str, bytes | None]:
    """A login with its secrets."""
    first, second = (
        bytes(each.reveal()) if each is not None else None
        for each in (login.password, login.password_in)
    )
    return login.username, first, login.username_in, second


@pytest.mark.parametrize(
    ("line", "root"),
    [
        ("root=nfs:10.0.7.2:/srv", NfsRoot(SERVER, "/srv")),
        ("root=nfs4:10.0.7.2:/srv", NfsRoot(SERVER, "/srv", "4")),
        ("root=10.0.7.2:/srv", NfsRoot(SERVER, "/srv")),
        ("root=10.0.7.2:/srv:vers=3,nolock", NfsRoot(SERVER, "/srv", "3", ("nolock",))),
        ("root=10.0.7.2:/srv,rsize=8192", NfsRoot(SERVER, "/srv", "", ("rsize=8192",))),
        ("root=nfs:10.0.7.2:/srv:nfsvers=4.2", NfsRoot(SERVER, "/srv", "4.2")),
        ("root=nfs:10.0.7.2:/srv,v4.1,soft", NfsRoot(SERVER, "/srv", "4.1", ("soft",))),
        ("root=nfs:server.example:/", NfsRoot("server.example", "/")),
        ("root=nfs:[2001:DB8::1]:/srv", NfsRoot("2001:db8::1", "/srv")),
        ("root=[2001:DB8::1]:/srv,v3", NfsRoot("2001:db8::1", "/srv", "3")),
        ("root=nfs://10.0.7.2/srv", NfsRoot(SERVER, "/srv")),
        ("root=nfs://10.0.7.2:2050/srv", NfsRoot(SERVER, "/srv", "", ("port=2050",))),
        ("root=nfs://[2001:db8::1]/srv", NfsRoot("2001:db8::1", "/srv")),
        ("root=nfs:vers=3:10.0.7.2:/srv", NfsRoot(SERVER, "/srv", "3")),
        ("root=nfs:nolock,vers=3:10.0.7.2:/srv", NfsRoot(SERVER, "/srv", "3", ("nolock",))),
        ("root=nfs:/srv", NfsRoot("", "/srv")),
        ("netroot=nfs:10.0.7.2:/srv", NfsRoot(SERVER, "/srv")),
        ("netroot=10.0.7.2:/srv", NfsRoot(SERVER, "/srv")),
        ("root=10.0.7.2:/srv rootfstype=nfs4", NfsRoot(SERVER, "/srv", "4")),
        ("root=/srv rootfstype=nfs", NfsRoot("", "/srv")),
        ("root=/dev/nfs nfsroot=10.0.7.2:/srv", NfsRoot(SERVER, "/srv")),
        ("root=/dev/nfs nfsroot=10.0.7.2:/tftpboot/%s,tcp,vers=3",
         NfsRoot(SERVER, "/tftpboot/%s", "3", ("tcp",))),
        ("root=/dev/nfs nfsroot=/srv", NfsRoot("", "/srv")),
        ("root=/dev/nfs nfsroot=/srv ip=:10.0.7.2::::eth0:dhcp", NfsRoot(SERVER, "/srv")),
        ("root=/dev/nfs ip=10.0.7.9:10.0.7.2::24::eth0:none", NfsRoot(SERVER, "/tftpboot/%s")),
        ("boot=nfs nfsroot=10.0.7.2:/srv", NfsRoot(SERVER, "/srv")),
        ("root=UUID=12-34 boot=nfs nfsroot=10.0.7.2:/srv", NfsRoot(SERVER, "/srv")),
        ("root=virtiofs:host", VirtioFsRoot("host")),
        ("root=host rootfstype=virtiofs", VirtioFsRoot("host")),
        ("rootfstype=virtiofs root=virtiofs:host", VirtioFsRoot("host")),
        ("root=9p:host", NinePRoot("host")),
        ("root=/dev/root rootfstype=9p rootflags=trans=virtio", NinePRoot("/dev/root")),
        ("root=10.0.7.2:/srv rootfstype=nfs,nfs4", NfsRoot(SERVER, "/srv", "4")),
    ],
)  # fmt: skip
def test_a_root_that_is_mounted_from_elsewhere(line: str, root: object) -> None:
    found = settings(line)
    assert found.network is not None
    assert found.network.root == root
    assert type(found.network.root) is type(root)
    assert not found.network.from_dhcp
    assert found.root is None


@pytest.mark.parametrize(
    "line",
    ["root=dhcp", "root=dhcp6", "netroot=dhcp", "root=/dev/nfs", "root=/dev/nfs nfsroot=auto",
     "boot=nfs", "root=nfs", "root=nfs4", "nbdroot=dhcp root=/dev/nbd0"],
)  # fmt: skip
def test_the_lease_says_what_the_root_is(line: str) -> None:
    assert network(line).from_dhcp


def test_no_partition_is_taken_for_root_beside_one_on_the_network() -> None:
    """gpt-auto is for command lines that name no root."""
    for line in ("netroot=nfs:10.0.7.2:/srv", "boot=nfs", "netroot=dhcp", "root=dhcp"):
        assert settings(line).root is None, line
    beside = settings("root=UUID=12-34 netroot=dhcp")
    assert beside.root == DeviceSpec(Naming.UUID, "12-34")


@pytest.mark.parametrize(
    ("line", "mount"),
    [
        ("root=nfs:10.0.7.2:/srv,rw", RootMount(writable=True)),
        ("root=nfs:10.0.7.2:/srv,rw ro", RootMount()),
        ("root=nfs:10.0.7.2:/srv,ro rootflags=rw,soft", RootMount(flags=("soft",), writable=True)),
        ("root=virtiofs:host rw", RootMount(("virtiofs",), (), True)),
        ("root=9p:host", RootMount(("9p",), ("trans=virtio", "version=9p2000.L"))),
        ("root=a rootfstype=9p rootflags=version=9p2000.u,msize=65536",
         RootMount(("9p",), ("trans=virtio", "version=9p2000.u", "msize=65536"))),
        ("root=nbd:10.0.7.2:a:xfs:noatime", RootMount(("xfs",), ("noatime",))),
        ("root=nbd:10.0.7.2:a:xfs rootfstype=ext4", RootMount(("ext4",))),
        ("root=nbd:10.0.7.2:a:auto", RootMount()),
    ],
)  # fmt: skip
def test_how_it_is_mounted(line: str, mount: RootMount) -> None:
    assert settings(line).mount == mount


def iscsi(server: str = SERVER, **fields: object) -> IscsiRoot:
    """A target without a login."""
    root = IscsiRoot(server, target=IQN)
    return root._replace(**fields)  # type: ignore[arg-type]  # of any field


@pytest.mark.parametrize(
    ("text", "target", "login"),
    [
        ("10.0.7.2::::" + IQN, iscsi(), None),
        ("10.0.7.2:6:3260:0:" + IQN, iscsi(), None),
        ("10.0.7.2:::7:" + IQN, iscsi(lun=7), None),
        ("10.0.7.2:::0005-0000-0000-0000:" + IQN, iscsi(lun=5), None),
        ("10.0.7.2:::4100-0:" + IQN, iscsi(lun=0x4100), None),
        ("10.0.7.2::860:1:" + IQN, iscsi(port=860, lun=1), None),
        ("[2001:DB8::1]::::" + IQN, iscsi("2001:db8::1"), None),
        ("storage.example::::" + IQN, iscsi("storage.example"), None),
        ("::::" + IQN, iscsi(""), None),
        ("10.0.7.2:::iface0:ens3:2:" + IQN, iscsi(lun=2, interface="iface0", link="ens3"), None),
        ("10.0.7.2:::ens3:2:" + IQN, iscsi(lun=2, link="ens3"), None),
        ("10.0.7.2::::eui.02004567A425678D", iscsi(target="eui.02004567A425678D"), None),
        ("10.0.7.2::::naa.52004567BA64678D", iscsi(target="naa.52004567BA64678D"), None),
        ("me:hush@10.0.7.2::::" + IQN, iscsi(), LOGIN),
        ("me:hush:they:mum@10.0.7.2::::" + IQN, iscsi(), MUTUAL),
        ("me:hush@[2001:db8::1]::3261:1:" + IQN, iscsi("2001:db8::1", port=3261, lun=1), LOGIN),
        ("@10.0.7.2::::" + IQN, iscsi(), None),
    ],
)
def test_iscsi_in_its_full_grammar(
    text: str, target: IscsiRoot, login: tuple[str, bytes, str, bytes | None] | None
) -> None:
    for word in ("netroot=iscsi:", "root=iscsi:", "iscsiroot="):
        (found,) = network(f"{word}{text}").targets
        assert isinstance(found, IscsiRoot)
        assert found._replace(login=Chap()) == target
        assert revealed(found.login) == (login or ("", None, "", None))


def test_the_root_is_the_unit_of_the_target_unless_root_names_another() -> None:
    place = f"/dev/disk/by-path/ip-10.0.7.2:3260-iscsi-{IQN}-lun-3"
    assert settings(f"root=iscsi:10.0.7.2:::3:{IQN}").root == path(place)
    assert settings(f"netroot=iscsi:10.0.7.2:::3:{IQN}").root == path(place)
    both = settings(f"root=iscsi:10.0.7.2:::3:{IQN} root=UUID=12-34")
    assert both.root == DeviceSpec(Naming.UUID, "12-34")
    assert both.network is not None
    assert both.network.targets == (iscsi(lun=3),)
    far = settings(f"root=iscsi:10.0.7.2:::300:{IQN}").root
    assert far == path(place.replace("lun-3", "lun-0x012c000000000000"))


def test_several_targets() -> None:
    line = " ".join(f"netroot=iscsi:10.0.7.{number}::::{IQN}" for number in (2, 3))
    assert network(f"root=UUID=12-34 {line}").targets == (iscsi(), iscsi("10.0.7.3"))


@pytest.mark.parametrize(
    "line",
    [
        f"rd.iscsi.target.name={IQN} rd.iscsi.target.ip=10.0.7.2 rd.iscsi.target.port=3261 "
        "rd.iscsi.target.group=2 rd.iscsi.username=me rd.iscsi.password=hush "
        "rd.iscsi.in.username=they rd.iscsi.in.password=mum netroot=iscsi",
        f"iscsi_target_name={IQN} iscsi_target_ip=10.0.7.2 iscsi_target_port=3261 "
        "iscsi_target_group=2 iscsi_username=me iscsi_password=hush iscsi_in_username=they "
        "iscsi_in_password=mum",
        f"rd.iscsi.target.name={IQN} rd.iscsi.target.ip=10.0.7.2 rd.iscsi.target.port=3261 "
        "rd.iscsi.target.group=2 rd.iscsi.param=node.session.auth.username=me "
        "rd.iscsi.param=node.session.auth.password=hush "
        "rd.iscsi.param=node.session.auth.username_in=they "
        "rd.iscsi.param=node.session.auth.password_in=mum",
    ],
)
def test_iscsi_in_parameters_of_its_own(line: str) -> None:
    (found,) = network(f"root=UUID=12-34 {line}").targets
    assert isinstance(found, IscsiRoot)
    assert found._replace(login=Chap()) == iscsi(port=3261, group=2)
    assert revealed(found.login) == MUTUAL


def test_several_portals_of_one_target() -> None:
    line = f'root=UUID=12-34 iscsi_target_name={IQN} iscsi_target_ip="10.0.7.2 10.0.7.3"'
    assert network(line).targets == (iscsi(), iscsi("10.0.7.3"))


def test_what_holds_for_all_sessions() -> None:
    found = network(
        f"root=UUID=12-34 rd.iscsi.initiator={IQN} rd.iscsi.login_retry_max=4 rd.iscsi.waitnet=0 "
        "rd.iscsi.testroute=0 rd.iscsi.mp rd.iscsi.transport=tcp "
        "rd.iscsi.param=node.session.timeo.replacement_timeout=30"
    ).iscsi
    assert found.initiator == IQN
    assert found.login_retries == 4
    assert found.all_firmware_links
    assert found.parameters == (("node.session.timeo.replacement_timeout", "30"),)


def test_the_file_that_debian_reads() -> None:
    text = f"""# a comment
ISCSI_INITIATOR="iqn.1993-08.org.debian:01:9b3e5634fdb9"
ISCSI_TARGET_NAME={IQN}
ISCSI_TARGET_IP='10.0.7.2 10.0.7.3'  # two portals
export SOMETHING
ISCSI_PASSWORD="hu sh"
export ISCSI_USERNAME=me;
ISCSI_AUTO=true
ISCSI_TARGET_PORT=
"""
    found = file_parameters("/etc/iscsi.initramfs", text)
    assert [(each.key, each.value) for each in found] == [
        ("iscsi_initiator", "iqn.1993-08.org.debian:01:9b3e5634fdb9"),
        ("iscsi_target_name", IQN),
        ("iscsi_target_ip", "10.0.7.2 10.0.7.3"),
        ("iscsi_password", "hu sh"),
        ("iscsi_username", "me"),
        ("iscsi_auto", "true"),
        ("iscsi_target_port", ""),
    ]
    assert {each.where for each in found} == {"/etc/iscsi.initramfs"}
    asked, problems = read_settings("root=UUID=12-34", defaults=default_parameters(text))
    assert problems == ()
    assert asked.network is not None
    assert asked.network.iscsi.firmware
    assert asked.network.targets == tuple(
        iscsi(server, login=asked.network.iscsi.login) for server in (SERVER, "10.0.7.3")
    )
    assert revealed(asked.network.iscsi.login) == ("me", b"hu sh", "", None)


@pytest.mark.parametrize(
    ("line", "root", "device"),
    [
        ("root=nfs:10.0.7.2:/srv root=LABEL=x", None, "x"),
        ("root=dhcp root=LABEL=x", None, "x"),
        ("root=virtiofs:share root=/dev/nfs root=LABEL=x", None, "x"),
        ("root=LABEL=x root=nfs:10.0.7.2:/srv", NfsRoot(SERVER, "/srv"), None),
        ("root=dhcp root=nfs:10.0.7.2:/srv", NfsRoot(SERVER, "/srv"), None),
        ("root=nfs:10.0.7.2:/a root=block:/dev/sda1", None, "/dev/sda1"),
    ],
)
def test_of_several_roots_the_last_counts(line: str, root: object, device: str | None) -> None:
    found = settings(line)
    assert (found.network and found.network.root) == root
    assert (found.network is None) or not found.network.from_dhcp
    assert (found.root.value if found.root else None) == device


def test_the_version_of_nfs_in_the_options_of_root() -> None:
    found = settings("root=10.0.7.2:/srv rootflags=vers=3,noatime,rsize=8192")
    assert found.network is not None
    assert found.network.root == NfsRoot(SERVER, "/srv", "3")
    assert found.mount.flags == ("noatime", "rsize=8192")
    leased = settings("root=dhcp rootflags=nfsvers=4.1,soft")
    assert leased.network is not None
    assert leased.network.from_dhcp
    assert leased.network.root == NfsRoot(version="4.1")
    assert leased.mount.flags == ("soft",)
    _, problems = read_settings("root=10.0.7.2:/srv rootflags=sec=krb5i")
    assert "Kerberos is not supported" in str(problems[0])


@pytest.mark.parametrize(
    ("option", "expected", "kept"),
    [
        ("sec=frob", "sec=, one of sys and none, not 'frob'", ()),
        ("sec=sys:none", "", ("sec=sys:none",)),
        ("timeo=0", "timeo=, a number from 1 on, not '0'", ()),
        ("timeo=", "timeo=, a number from 1 on, not ''", ()),
        ("rsize=32k", "rsize=, a number from 0 on, not '32k'", ()),
        ("rsize=0x8000", "", ("rsize=0x8000",)),
        ("nconnect=17", "nconnect=, a number from 1 to 16, not '17'", ()),
        ("port=66000", "port=, a number from 0 to 65535, not '66000'", ()),
        ("proto=sctp", "proto=, one of rdma, rdma6, tcp, tcp6, udp, udp6, not 'sctp'", ()),
        ("lookupcache=pos", "", ("lookupcache=pos",)),
        ("local_lock=some", "local_lock=, one of all, flock, none, posix, not 'some'", ()),
        ("hard=1", "hard without a value, not 'hard=1'", ()),
        ("fsc", "", ("fsc",)),
        ("fsc=a", "", ("fsc=a",)),
        ("rdirplus=often", "rdirplus=, one of force, none, not 'often'", ()),
        ("nolcok", "no nolcok: nfs(5) has no such option", ("nolcok",)),
        ("vers=4,udp", "no udp: version 4 has TCP alone", ()),
        ("x-systemd.automount", "", ("x-systemd.automount",)),
        ("_netdev", "", ("_netdev",)),
    ],
)  # fmt: skip
def test_options_of_nfs_that_no_kernel_takes(
    option: str, expected: str, kept: tuple[str, ...]
) -> None:
    """One line for each; a name that only a newer kernel may know is left to the kernel."""
    for line in (f"root=10.0.7.2:/srv,{option}", f"root=10.0.7.2:/srv rootflags={option}"):
        found, problems = read_settings(line)
        assert [str(each).partition(": expected ")[2] for each in problems] == (
            [expected] if expected else []
        )
        assert found.network is not None and isinstance(found.network.root, NfsRoot)
        assert (*found.network.root.options, *found.mount.flags) == kept


@pytest.mark.parametrize(
    ("line", "server"),
    [
        (f"root=iscsi:[fe80::1%ens3]::::{IQN}", "fe80::1%ens3"),
        ("root=nbd:[FE80::1%ens3]:root:ext4", "fe80::1%ens3"),
        ("rd.nvmf.discover=tcp,[fe80::1%ens3] root=LABEL=x", "fe80::1%ens3"),
        ("rd.nvmf.discover=tcp,store.example root=LABEL=x", "store.example"),
        ("rd.nvmf.discover=tcp,store,,8009 root=LABEL=x", "store"),
    ],
)
def test_a_target_at_an_address_of_a_link_or_by_name(line: str, server: str) -> None:
    found = network(line)
    assert [each.server for each in found.targets] == [server]
    if "%" in server:
        assert line.startswith("root=nbd") or "%" not in str(settings(line).root)
        assert found.links == (LinkRequest(LinkMatch("ens3"), Method.LINK6),)


def test_udp_means_version_3() -> None:
    root = network("root=10.0.7.2:/srv,proto=udp").root
    assert root == NfsRoot(SERVER, "/srv", "3", ("proto=udp",))


def test_half_a_login_leaves_the_decision_to_the_target() -> None:
    line = f"root=UUID=12-34 netroot=iscsi:10.0.7.2::::{IQN}"
    for half in ("rd.iscsi.username=me", "rd.iscsi.param=node.session.auth.password=hush"):
        found, problems = read_settings(f"{line} {half} rd.iscsi.target.port=x")
        assert len(problems) == 1
        assert found.network is not None
        assert found.network.targets == (iscsi(),)
    # But a target that was to show who it is must not be trusted without that.
    found, problems = read_settings(f"{line} rd.iscsi.in.username=they")
    assert len(problems) == 1
    assert found.network is not None
    assert found.network.targets == ()


def test_the_default_counts_where_a_port_is_wrong() -> None:
    line = f"root=UUID=12-34 rd.iscsi.target.ip=10.0.7.2 rd.iscsi.target.name={IQN}"
    found, problems = read_settings(f"{line} rd.iscsi.target.port=x rd.iscsi.target.group=0")
    assert [str(each).partition(": expected ")[2] for each in problems] == [
        "a port from 1 to 65535; 3260 is tried",
        "a portal group from 1 to 65535; 1 is tried",
    ]
    assert found.network is not None
    assert found.network.targets == (iscsi(),)


@pytest.mark.parametrize(
    ("line", "targets"),
    [
        ("root=nbd:10.0.7.2:root", [NbdRoot(SERVER, export="root")]),
        ("netroot=nbd:10.0.7.2:10810", [NbdRoot(SERVER, 10810)]),
        ("netroot=nbd:[2001:db8::1]:root:ext4:ro", [NbdRoot("2001:db8::1", export="root")]),
        ("root=nbd:srv:root:::bs=4096,timeout=5",
         [NbdRoot("srv", export="root", options=("bs=4096", "timeout=5"))]),
        ("netroot=nbd:10.0.7.2:a netroot=nbd:10.0.7.2:b root=UUID=12-34",
         [NbdRoot(SERVER, export="a"), NbdRoot(SERVER, export="b", device="/dev/nbd1")]),
        ("nbdroot=10.0.7.2:/root root=/dev/nbd0", [NbdRoot(SERVER, export="/root")]),
        ("nbdroot=10.0.7.2:10810/root root=/dev/nbd1p2",
         [NbdRoot(SERVER, 10810, "root", "/dev/nbd1")]),
        ("nbdroot=[2001:db8::1]:10810/root root=/dev/nbd0",
         [NbdRoot("2001:db8::1", 10810, "root")]),
        ("nbdroot=[2001:db8::1]:/root root=/dev/nbd0", [NbdRoot("2001:db8::1", export="/root")]),
        ("nbdroot=10.0.7.2,2000 root=/dev/nbd0", [NbdRoot(SERVER, 2000)]),
        ("nbdroot=10.0.7.2,root,nbd3", [NbdRoot(SERVER, export="root", device="/dev/nbd3")]),
        ("nbdroot=:/root root=/dev/nbd0 ip=:10.0.7.2::::eth0:dhcp",
         [NbdRoot(SERVER, export="/root")]),
        ("nbdroot=10.0.7.2:/root nbddev=/dev/nbd2p1 root=UUID=12-34",
         [NbdRoot(SERVER, export="/root", device="/dev/nbd2")]),
        ("rd.nvmf.discover=tcp,10.0.7.2,,4420", [NvmeRoot("tcp", SERVER, "", 4420)]),
        ("rd.nvmf.discover=tcp,10.0.7.2", [NvmeRoot("tcp", SERVER)]),
        ("nvmf.discover=tcp,[2001:db8::1],[2001:db8::2],8009",
         [NvmeRoot("tcp", "2001:db8::1", "2001:db8::2", 8009)]),
        ("rd.nvmf.discover=tcp,10.0.7.2 rd.nonvmf", []),
        ("rd.nvmf.discover=tcp,10.0.7.2,none,none", [NvmeRoot("tcp", SERVER)]),
        ("rd.nvmf.discover=tcp,10.0.7.2,10.0.7.9 rd.nvmf.discover=tcp,10.0.8.2",
         [NvmeRoot("tcp", SERVER, "10.0.7.9"), NvmeRoot("tcp", "10.0.8.2")]),
    ],
)  # fmt: skip
def test_nbd_and_nvme(line: str, targets: Iterable[Target]) -> None:
    assert list(network(line).targets) == targets


def test_the_device_of_an_nbd_root() -> None:
    assert settings("root=nbd:10.0.7.2:root").root == path("/dev/nbd0")
    assert settings("nbdroot=10.0.7.2,root,nbd3").root == path("/dev/nbd3")
    assert settings("nbdroot=10.0.7.2:/root root=/dev/nbd1p2").root == path("/dev/nbd1p2")


def test_who_this_machine_is_to_nvme() -> None:
    nqn = "nqn.2014-08.org.nvmexpress:uuid:37303738-3034-584d-5137-333230423843"
    found = network(
        f"root=UUID=1-2 rd.nvmf.hostnqn={nqn} rd.nvmf.nonbft rd.nvmf.nostatic "
        "rd.nvmf.hostid=37303738-3034-584D-5137-333230423843"
    ).nvme
    assert found.host_nqn == nqn
    assert found.host_id == "37303738-3034-584d-5137-333230423843"
    assert (found.firmware, found.static) == (False, False)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("netroot=nfs:10.0.7.2:srv", "root: 'nfs:10.0.7.2:srv': expected [SERVER:]/DIRECTORY"),
        ("netroot=nfs:10.0.7.300:/srv", "expected [SERVER:]/DIRECTORY"),
        ("netroot=10.0.7.2:/srv,sec=krb5p", "with Kerberos is not supported"),
        ("netroot=10.0.7.2:/srv,vers=5", "vers= among 3, 4, 4.0, 4.1, 4.2, not '5'"),
        ("netroot=10.0.7.2:/srv,addr=10.0.0.1", "no addr=: it follows from the network"),
        ("netroot=nfs://10.0.7.2:x/srv", "nfs://SERVER[:PORT]/DIRECTORY"),
        ("netroot=cifs://u:p@10.0.7.2/share", "'cifs://u:…@10.0.7.2/share': expected"),
        ("netroot=ftp:10.0.7.2", "expected dhcp, SERVER:/DIRECTORY"),
        ("netroot=iscsi:10.0.7.2:::x", "expected iscsi:[USER:PASSWORD"),
        (f"netroot=iscsi:10.0.7.2:17:::{IQN}", "6 (TCP) as the protocol"),
        (f"netroot=iscsi:10.0.7.2::0::{IQN}", "a port from 1 to 65535, not '0'"),
        (f"netroot=iscsi:10.0.7.2:::99999:{IQN}", "a LUN from 0 to 65535"),
        (f"netroot=iscsi:me@10.0.7.2::::{IQN}", "USER:PASSWORD"),
        (f"netroot=iscsi:a:b:c@10.0.7.2::::{IQN}", "'iscsi:a:…@10.0.7.2"),
        ("rd.iscsi.initiator=me", "a name that begins with iqn., eui. or naa."),
        ("rd.iscsi.target.name=disk", "a name that begins with iqn."),
        (f"rd.iscsi.target.name={IQN} rd.iscsi.target.ip=10.0.7.300", "address of an iSCSI serv"),
        (f"rd.iscsi.target.name={IQN} rd.iscsi.username=me", "it together with rd.iscsi.password="),
        (f"rd.iscsi.target.name={IQN} rd.iscsi.password=hush", "'…': expected it together with"),
        ("rd.iscsi.param=timeo", "RECORD=VALUE"),
        ("rd.iscsi.transport=bnx2i", "tcp (offload"),
        ("rd.iscsi.login_retry_max=-1", "a number of tries, 0 or more"),
        ("netroot=iscsi", "a target: iscsi:…, rd.iscsi.target.ip= or rd.iscsi.firmware=1"),
        ("netroot=iscsi:", "a target: iscsi:…, rd.iscsi.target.ip= or rd.iscsi.firmware=1"),
        ("netroot=nbd:10.0.7.2", "expected nbd:SERVER:EXPORT"),
        ("netroot=nbd:10.0.7.2:a:::sdp", "options of nbd-client (persist, "),
        ("netroot=nbd:10.0.7.2:a:::timeout=soon", "not 'timeout=soon'"),
        ("netroot=nbd:10.0.7.2:a:::keyfile=key.pem", "keyfile= or cacertfile= with a path"),
        ("netroot=nbd:10.0.7.2:a:b:c:d:e", "expected nbd:SERVER:EXPORT"),
        ("nbdroot=10.0.7.2", "SERVER:/EXPORT or SERVER:PORT/EXPORT"),
        ("nbdroot=10.0.7.2,root,sda", "a device such as nbd0"),
        ("nbddev=/dev/sda", "a device such as /dev/nbd0"),
        ("rd.nvmf.discover=rdma,10.0.7.2", "tcp,SERVER[,[HOST-ADDRESS][,PORT]] (rdma is not"),
        ("rd.nvmf.discover=fc,auto", "(fc is not supported)"),
        ("rd.nvmf.discover=tcp,he/re", "tcp,SERVER"),
        ("rd.nvmf.discover=tcp", "tcp,SERVER"),
        ("rd.nvmf.discover=tcp,10.0.7.300", "tcp,SERVER"),
        ("rd.nvmf.discover=tcp,10.0.7.2,me", "tcp,SERVER"),
        ("rd.nvmf.discover=tcp,10.0.7.2,,0", "tcp,SERVER"),
        ("rd.nvmf.discover=tcp,10.0.7.2,,65536", "tcp,SERVER"),
        ("rd.nvmf.discover=tcp,10.0.7.2,,4420,x", "tcp,SERVER"),
        ("rd.nvmf.discover=loop,10.0.7.2", "tcp,SERVER"),
        ("rd.nvmf.hostnqn=me", "a name such as nqn."),
        ("rd.nvmf.hostid=me", "a UUID"),
    ],
)
def test_what_is_malformed_is_one_line_without_a_secret(line: str, expected: str) -> None:
    found, problems = read_settings(f"root=UUID=12-34 {line}")
    (problem,) = problems
    assert expected in str(problem)
    assert "hush" not in str(problem)
    if found.network is None or found.network.root is None:
        assert found.root == DeviceSpec(Naming.UUID, "12-34")


def test_no_secret_is_in_what_is_printed() -> None:
    line = f"root=iscsi:me:hush:they:mum@10.0.7.2::::{IQN} rd.iscsi.password=hush"
    found, problems = read_settings(line)
    assert "hush" not in repr(found) + str(problems)
    assert "mum" not in repr(found) + str(problems)


def test_the_words_of_the_network_are_those_that_it_reads() -> None:
    from initpy.config.network import linkwish, sessionwish

    read = {*wish.PARAMETERS, *linkwish.PARAMETERS, *sessionwish.PARAMETERS}
    assert read - {"root", "boot"} == set(PARAMETERS)
    assert set(PASSIVE) < set(PARAMETERS)


def test_a_boot_with_a_local_root_imports_nothing_of_it() -> None:
    """Start-up time is a feature; a PXE loader's BOOTIF= asks for nothing."""
    line = "root=UUID=12-34 ro quiet BOOTIF=01-52-54-00-12-34-56 rootfstype=ext4 rootflags=noatime"
    program = f"""
import sys
from initpy.config.settings import read_settings
assert read_settings({line!r})[0].network is None
found = [each for each in sys.modules if "config.network." in each or "netsettings" in each]
assert not found, found
"""
    subprocess.run([sys.executable, "-c", program], check=True)


PIECES = (
    "10.0.7.2", "[fd00::1]", "[", ":", "::", ",", "/srv", "nfs", "nfs4:", "iscsi:", "nbd:", "dhcp",
    "virtiofs:", "9p:", "auto6", "none", "off", "eth0", "vers=3", "sec=krb5", IQN, "@", "me:pw",
    "24", "255.255.255.0", "1500", "52:54:00:12:34:56", "=", "tcp", "-", "é", "99999999999",
)  # fmt: skip
VALUES = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=9).map("".join)


@given(st.lists(st.tuples(st.sampled_from([*PARAMETERS, "root", "rootfstype"]), VALUES)))
def test_whatever_is_written_is_read(words: list[tuple[str, str]]) -> None:
    """Never a traceback: a typing error must not cost the boot."""
    read_settings(" ".join(f"{name}={value}" for name, value in words))
