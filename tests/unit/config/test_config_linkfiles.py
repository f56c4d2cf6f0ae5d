"""Which files of systemd-networkd in the real system are for a link."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initpy.config.linkfiles import parse
from initpy.core.network.linkfiles import for_link, making

MAC = "52:54:00:12:34:56"


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("[Match]\nName=ens3\n", True),
        ("[Match]\nName=en* eth*\n[Network]\nDHCP=yes\n", True),
        ("[Match]\nName=eth0 \\\n  ens*\n", True),
        ("[Match]\nName=!ens*\n", False),
        ("[Match]\nName=!eth*\n", True),
        ("[Match]\nName=enp*\n", False),
        ("[Match]\nName=enp*\nName=ens*\n", True),
        ("[Match]\nName=enp*\nName=\nType=ether\n", True),
        ("[Match]\nMACAddress=52-54-00-12-34-56\n", True),
        ("[Match]\nPermanentMACAddress=5254.0012.3456 00:00:00:00:00:01\n", True),
        ("[Match]\nMACAddress=52:54:00:12:34:57\n", False),
        ("[Match]\nName=ens3\nDriver=virtio_net\n", True),
        ("# [Match]\n[Match]\n;Name=eth0\nName=ens3\n", True),
        ("[Match]\nType=wlan\nWLANInterfaceType=ad-hoc\n", False),
        ("[Network]\nDHCP=yes\n", False),
        ("", False),
        ("[Match\nName=ens3", False),
    ],
)
def test_the_match_section_of_a_file(text: str, fits: bool) -> None:
    found = parse("50-wired.network", text)
    assert bool(found and for_link([found], "ens3", MAC)) is fits


def test_the_first_file_that_fits_without_further_conditions_is_the_last() -> None:
    texts = {
        "30-later.network": "[Match]\nName=ens3\n",
        "10-maybe.network": "[Match]\nHost=client\n",
        "20-wired.network": "[Match]\nName=en*\n",
    }
    files = [each for name, text in texts.items() if (each := parse(name, text)) is not None]
    assert for_link(files, "ens3", MAC) == ("10-maybe.network", "20-wired.network")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("[NetDev]\nName=br0\nKind=bridge\n", "br0"),
        ("[NetDev]\nName=br1\nName=br0\n[Bridge]\nName=no\n", "br0"),
        ("[NetDev]\nKind=bridge\n", ""),
        ("", ""),
    ],
)
def test_a_netdev_makes_one_link_and_is_not_for_it(text: str, name: str) -> None:
    found = parse("20-bridge.netdev", text)
    assert (found is not None) is bool(name)
    if found is not None:
        assert making([found], name) == ("20-bridge.netdev",)
        assert making([found], "br9") == ()
        assert for_link([found], name, MAC) == ()


@given(st.text(alphabet="[]Match=Name!*\\\n #;", max_size=60))
def test_any_text_is_read_without_an_error(text: str) -> None:
    found = parse("x.network", text)
    assert found is None or for_link([found], "ens3", MAC) in ((), ("x.network",))
