"""What a lease's root-path says of the root."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initpy.config.settings import read_settings
from initpy.core.netsettings import IscsiRoot, NbdRoot, NetworkSettings, NfsRoot
from initpy.core.network.rootpath import (
    RootPathError,
    mount_of,
    names_target,
    parse,
    root_of,
    target_of,
)
from initpy.core.network.values import DhcpKind, Reply, shown

SERVER, DHCP = "10.0.7.2", "10.0.7.1"
IQN = "iqn.2009-06.example:disk"


def lease(root_path: str) -> Reply:
    return Reply(DhcpKind.ACK, 1, "10.0.7.77", DHCP, root_path=root_path)


def network(line: str = "root=dhcp") -> NetworkSettings:
    found = read_settings(line)[0].network
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("10.0.7.2:/srv", NfsRoot(SERVER, "/srv")),
        ("/srv", NfsRoot("", "/srv")),
        ("/srv\0", NfsRoot("", "/srv")),
        ("host:/srv\0", NfsRoot("host", "/srv")),
        ("nfs:10.0.7.2:/srv", NfsRoot(SERVER, "/srv")),
        ("nfs4:10.0.7.2:/srv:soft", NfsRoot(SERVER, "/srv", "4", ("soft",))),
        ("10.0.7.2:/srv,vers=3,rw", NfsRoot(SERVER, "/srv", "3")),
        ("10.0.7.2:/srv:nfsvers=4.1,ro,hard", NfsRoot(SERVER, "/srv", "4.1", ("hard",))),
        ("nfs://10.0.7.2/srv", NfsRoot(SERVER, "/srv")),
        ("[fd00::1]:/srv", NfsRoot("fd00::1", "/srv")),
        ("nfs:[fd00::1]:/srv,v4.1", NfsRoot("fd00::1", "/srv", "4.1")),
        ("10.0.7.2:/srv,addr=10.0.0.9", NfsRoot(SERVER, "/srv")),
    ],
)
def test_an_export_of_nfs(text: str, found: NfsRoot) -> None:
    assert parse(text) == found
    assert not names_target(lease(text), network())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"iscsi:10.0.7.2::::{IQN}", IscsiRoot(SERVER, target=IQN)),
        (f"iscsi:::::{IQN}", IscsiRoot(DHCP, target=IQN)),
        ("nbd:10.0.7.2:root:ext4", NbdRoot(SERVER, export="root")),
        ("nbd:10.0.7.2:2000\0", NbdRoot(SERVER, port=2000)),
        ("nbd::root:::persist", NbdRoot(DHCP, export="root", options=("persist",))),
        ("nbd:[fd00::1]:root", NbdRoot("fd00::1", export="root")),
    ],
)
def test_a_target(text: str, found: IscsiRoot | NbdRoot) -> None:
    assert names_target(lease(text), network())
    assert target_of(lease(text), network()) == found


def test_a_login_of_the_command_line_is_for_a_target_without_one() -> None:
    told = network("root=dhcp rd.iscsi.username=me rd.iscsi.password=hush")
    for text, user in ((f"iscsi:::::{IQN}", "me"), (f"iscsi:you:own@::::{IQN}", "you")):
        found = target_of(lease(text), told)
        assert isinstance(found, IscsiRoot)
        assert (found.server, found.login.username) == (DHCP, user)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("nbdroot=dhcp root=/dev/nbd1p2", NbdRoot(SERVER, export="/root", device="/dev/nbd1")),
        ("nbdroot=dhcp", NbdRoot(SERVER, export="/root")),
    ],
)
def test_the_lease_names_the_export_of_a_root_that_is_on_nbd(line: str, found: NbdRoot) -> None:
    """nbdroot=dhcp of Debian: the root-path is no NFS export then."""
    assert names_target(lease("10.0.7.2:/root"), network(line))
    assert target_of(lease("10.0.7.2:/root"), network(line)) == found


@pytest.mark.parametrize(
    ("line", "root_path", "found"),
    [
        # README.Debian of nbd-client
        ("nbdroot=dhcp", "192.168.1.1,export,nbd0", NbdRoot("192.168.1.1", export="export")),
        ("nbdroot=dhcp", "nbdroot=192.168.1.1,export", NbdRoot("192.168.1.1", export="export")),
        ("nbdroot=dhcp,export", "192.168.1.1", NbdRoot("192.168.1.1", export="export")),
        ("nbdroot=dhcp,export,nbd2", "", NbdRoot(DHCP, export="export", device="/dev/nbd2")),
        ("nbdroot=:export root=/dev/nbd0", "/srv/tftp", NbdRoot(DHCP, export="export")),
        # RFC 4173: the server is the lease's
        (f"root=iscsi::::1:{IQN}", "", IscsiRoot(DHCP, target=IQN, lun=1)),
        (f"root=iscsi::::1:{IQN}", f"iscsi:10.0.7.9::::{IQN}",
         IscsiRoot("10.0.7.9", target=IQN, lun=1)),
        ("root=/dev/root netroot=dhcp", f"iscsi:10.0.7.2:::1f:{IQN}",
         IscsiRoot(SERVER, target=IQN, lun=31)),
        ("root=dhcp", "iscsi:storage.example:6:3260:0:iqn.2015-01.tld.domain:iscsiboot",
         IscsiRoot("storage.example", target="iqn.2015-01.tld.domain:iscsiboot")),
    ],
)  # fmt: skip
def test_what_the_command_line_leaves_to_the_lease(
    line: str, root_path: str, found: IscsiRoot | NbdRoot
) -> None:
    settings = network(line)
    assert settings.from_dhcp
    assert names_target(lease(root_path), settings)
    assert target_of(lease(root_path), settings) == found


def test_how_the_file_system_of_an_nbd_export_is_mounted() -> None:
    assert mount_of(lease("nbd:10.0.7.2:raw:ext2:errors=panic,ro")) == (
        ("ext2",),
        ("errors=panic",),
    )
    assert mount_of(lease("nbd:10.0.7.2:raw")) == ((), ())
    assert mount_of(lease(f"iscsi:10.0.7.2::::{IQN}")) == ((), ())


@pytest.mark.parametrize("text", ["aoe:e0.0", "fcp:20:00:00:1f:16:bc:fe:2f:0", "http://a/b.iso"])
def test_what_ipxe_boots_from_besides_is_one_line(text: str) -> None:
    with pytest.raises(RootPathError, match="only NFS, iSCSI and NBD are supported"):
        parse(text)


def test_the_command_line_goes_before_the_lease() -> None:
    told = NfsRoot(path="/other", version="3", options=("soft",))
    found = root_of(lease("10.0.7.2:/srv,vers=4.2,hard"), told)
    assert found == NfsRoot(SERVER, "/other", "3", ("soft",))


@pytest.mark.parametrize(
    "text",
    ["", "x", "srv", "\x01", "10.0.7.2:srv", "10.0.7.2:/srv,sec=krb5p", "10.0.7.2:/s\x01rv",
     "nfs:a", "http://a/b"],
)  # fmt: skip
def test_what_is_no_export_is_one_line(text: str) -> None:
    with pytest.raises(RootPathError) as caught:
        parse(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["iscsi:x", "nbd:", "nbd:host", "nbd:host:root:ext4::bogus"])
def test_what_is_no_target_is_one_line(text: str) -> None:
    with pytest.raises(RootPathError, match=r"root-path of 10\.0\.7\.1: expected") as caught:
        target_of(lease(text), network())
    assert "\n" not in str(caught.value)


PIECES = (
    SERVER, "[fd00::1]", "[", "]", ":", "::", ",", "/srv", "nfs", "nfs4:", "iscsi:", "nbd:", IQN,
    "@", "me:pw", "vers=3", "sec=krb5", "\0", "é", "99999999999", "persist", "=",
)  # fmt: skip


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=9).map("".join))
def test_whatever_a_server_says_is_read(text: str) -> None:
    for line in ("root=dhcp", "nbdroot=dhcp"):
        try:
            if names_target(lease(text), network(line)):
                target_of(lease(text), network(line))
            else:
                root_of(lease(text), None)
        except RootPathError as error:
            assert "\n" not in str(error).replace(repr(text), "")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"iscsi:me:hush@10.0.7.2::::{IQN}@x", f"iscsi:me:…@10.0.7.2::::{IQN}@x"),
        (f"iscsi:me:hush:they:hush@::::{IQN}", f"iscsi:me:…:they:…@::::{IQN}"),
        ("iscsi:me:hush", "iscsi:me:…"),
        (f"ISCSI:me:hush@::::{IQN}", f"ISCSI:me:…@::::{IQN}"),
        (f"iscsi:10.0.7.2::::{IQN}", f"iscsi:10.0.7.2::::{IQN}"),
    ],
)
def test_a_login_in_a_root_path_is_not_shown(text: str, told: str) -> None:
    assert shown(text) == told
