"""A lease's root-path means to the core what the same words mean on the command line."""

import pytest

from initpy.config.network import rootpath as configured
from initpy.config.settings import read_settings
from initpy.core.netsettings import NfsRoot
from initpy.core.network.rootpath import RootPathError, parse


@pytest.mark.parametrize(
    "text",
    [
        "10.0.7.2:/srv",
        "/srv",
        "host:/srv\0",
        "nfs:10.0.7.2:/srv",
        "nfs4:10.0.7.2:/srv:soft",
        "10.0.7.2:/srv,vers=3,rw",
        "10.0.7.2:/srv:nfsvers=4.1,ro,hard",
        "nfs://10.0.7.2/srv",
        "[fd00::1]:/srv",
        "nfs:[fd00::1]:/srv,v4.1",
        "10.0.7.2:/srv,addr=10.0.0.9",
    ],
)
def test_an_export(text: str) -> None:
    network = read_settings("root=dhcp")[0].network
    assert network is not None
    found, error = configured.read(text, network)
    assert error is None
    assert found is not None
    assert parse(text) == found.root


def test_a_version_among_the_options_is_no_option() -> None:
    """Two versions in one mount would be refused."""
    assert parse("10.0.7.2:/srv,vers=3,rw") == NfsRoot("10.0.7.2", "/srv", "3")


@pytest.mark.parametrize(
    "text", ["", "x", "10.0.7.2:srv", "10.0.7.2:/srv,sec=krb5p", "10.0.7.2:/s\x01rv", "http://a/b"]
)
def test_what_is_none_is_one_line(text: str) -> None:
    with pytest.raises(RootPathError) as caught:
        parse(text)
    assert "\n" not in str(caught.value)
