"""The firmware's table for iSCSI boot, as the kernel shows it (R16)."""

from ipaddress import ip_address, ip_interface

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initpy.config.network import ibft
from initpy.config.settings import read_settings
from initpy.core.netsettings import Chap, IscsiRoot, LinkMatch, LinkRequest, Method
from initpy.core.settings import Settings

MAC = "52:54:00:12:34:56"
IQN = "iqn.2009-06.example:disk"
STATIC = {
    "ethernet0/flags": "3\n",
    "ethernet0/mac": f"{MAC}\n",
    "ethernet0/ip-addr": "10.0.7.77\n",
    "ethernet0/subnet-mask": "255.255.255.0\n",
    "ethernet0/gateway": "10.0.7.1\n",
    "ethernet0/primary-dns": "10.0.7.53\n",
    "ethernet0/secondary-dns": "0.0.0.0\n",
    "ethernet0/origin": "1\n",
    "ethernet0/vlan": "7\n",
    "ethernet0/hostname": "client\n",
}
TARGET = {
    "target0/flags": "3\n",
    "target0/target-name": f"{IQN}\n",
    "target0/ip-addr": "10.0.7.2\n",
    "target0/port": "3260\n",
    "target0/lun": "01000000\n",
    "target0/chap-type": "2\n",
    "target0/chap-name": "me\n",
    "target0/chap-secret": "hush\n",
    "target0/rev-chap-name": "they\n",
    "target0/rev-chap-name-secret": "mum\n",
    "initiator/initiator-name": "iqn.1993-08.org.debian:01:abc\n",
}


def test_a_static_link() -> None:
    (link,) = ibft.read(STATIC).links
    assert link == LinkRequest(
        LinkMatch(mac=MAC),
        Method.STATIC,
        ip_interface("10.0.7.77/24"),
        gateway=ip_address("10.0.7.1"),
        dns=(ip_address("10.0.7.53"),),
        hostname="client",
        vlan=7,
    )


@pytest.mark.parametrize(
    ("changes", "method"),
    [
        ({"ethernet0/origin": "3"}, Method.DHCP),
        ({"ethernet0/dhcp": "10.0.7.1"}, Method.DHCP),
        ({"ethernet0/ip-addr": "0.0.0.0"}, Method.DHCP),
        ({"ethernet0/ip-addr": "fd00::77", "ethernet0/origin": "3"}, Method.DHCP6),
        ({"ethernet0/ip-addr": "fd00::77", "ethernet0/prefix-len": "64"}, Method.STATIC),
    ],
)
def test_where_a_link_has_its_address_from(changes: dict[str, str], method: Method) -> None:
    (link,) = ibft.read(STATIC | changes).links
    assert link.method is method


def test_links_that_are_not_valid_or_not_booted_from_are_left_out() -> None:
    assert ibft.read(STATIC | {"ethernet0/flags": "0"}).links == ()
    only_valid = STATIC | {"ethernet0/flags": "1"}
    assert ibft.read(only_valid).links == ()
    assert len(ibft.read(only_valid, every_link=True).links) == 1


def test_a_target_with_a_login_of_both_sides() -> None:
    found = ibft.read(TARGET)
    (target,) = found.targets
    assert target._replace(login=Chap()) == IscsiRoot("10.0.7.2", 3260, IQN, 1)
    login = target.login
    assert (login.username, login.username_in) == ("me", "they")
    assert login.password is not None and login.password_in is not None
    assert bytes(login.password.reveal()) == b"hush"
    assert bytes(login.password_in.reveal()) == b"mum"
    assert "hush" not in repr(found)
    assert found.initiator == "iqn.1993-08.org.debian:01:abc"


def test_a_login_of_one_side_and_none() -> None:
    (one,) = ibft.read(TARGET | {"target0/chap-type": "1"}).targets
    assert one.login.password is not None
    assert one.login.password_in is None
    (none,) = ibft.read(TARGET | {"target0/chap-type": "0"}).targets
    assert none.login == Chap()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"target0/target-name": "x"}, "target0/target-name: 'x'"),
        ({"target0/ip-addr": "0.0.0.0"}, "target0/ip-addr: '0.0.0.0'"),
        ({"target0/port": "0"}, "target0/port: '0'"),
        ({"initiator/initiator-name": "x"}, "initiator/initiator-name: 'x'"),
        ({"ethernet0/flags": "3", "ethernet0/mac": "x"}, "ethernet0/mac: 'x'"),
    ],
)
def test_a_malformed_value_is_one_line_and_the_rest_counts(
    changes: dict[str, str], named: str
) -> None:
    found = ibft.read(STATIC | TARGET | changes)
    (problem,) = found.problems
    assert str(problem).startswith(f"/sys/firmware/ibft/{named}: expected ")
    assert len(found.links) + len(found.targets) >= 1


@given(st.dictionaries(st.sampled_from([*STATIC, *TARGET]), st.text(max_size=20)))
def test_whatever_a_firmware_writes_is_read(changes: dict[str, str]) -> None:
    ibft.read(STATIC | TARGET | changes)


def asked(words: str) -> Settings:
    """The settings of a command line."""
    settings, _ = read_settings(words)
    return settings


def test_links_are_as_the_table_says() -> None:
    files = {
        "ethernet0/flags": "3",
        "ethernet0/mac": "52:54:00:00:00:07",
        "ethernet0/ip-addr": "10.0.7.77",
        "ethernet0/subnet-mask": "255.255.255.0",
        "ethernet0/origin": "1",
        "target0/chap-secret": "sesame",
    }
    settings, problems = ibft.applied(asked("root=nfs:10.0.7.1:/srv ip=ibft"), files)
    assert settings.network is not None and not problems
    [link] = settings.network.links
    assert link.match.mac == "52:54:00:00:00:07" and str(link.address) == "10.0.7.77/24"
    settings, _ = ibft.applied(asked("root=nfs:10.0.7.1:/srv ip=eth0:ibft"), files)
    assert settings.network is not None
    assert [str(each.match) for each in settings.network.links] == ["eth0"]
    assert "target0/chap-secret" not in ibft.without_secrets(files)


def test_without_a_table_which_is_told_a_root_has_dhcp() -> None:
    settings, problems = ibft.applied(asked("root=nfs:10.0.7.1:/srv ip=ibft"), {})
    assert len(problems) == 1
    assert settings.network is not None
    assert [link.method for link in settings.network.links] == [Method.DHCP]


def test_two_cards_of_the_table_have_an_address_each() -> None:
    second = {
        key.replace("ethernet0", "ethernet1"): value
        for key, value in STATIC.items()
        if key.startswith("ethernet0")
    }
    second |= {"ethernet1/mac": "52:54:00:12:34:57", "ethernet1/vlan": "0"}
    settings, problems = ibft.applied(asked("root=UUID=12-34 ip=ibft"), STATIC | second)
    assert settings.network is not None and not problems
    found = [(each.match.mac, each.vlan) for each in settings.network.links]
    assert found == [(MAC, 7), ("52:54:00:12:34:57", None)]
