"""What the failure screen says of a root on the network that is not reached."""

import re
from pathlib import Path

import pytest

from initpy.cli import main

WORLD = """title = "A root on the network that is not reached"
requirements = ["R15", "R23"]
[machine]
cmdline = "{line} rd.timeout=10"
[[disk]]
name = "root"
size = "64M"
[[layer]]
kind = "ext4"
on = ["root"]
holds = "root"
[[nic]]
name = "eth0"
[[server]]
name = "leases"
kind = "dhcp"
root_path = "{path}"
[[server]]
name = "files"
kind = "nfs"
serves = ["root"]
export = "/srv/root"
[expect]
outcome = "shell"
within = 60
"""
ROOT = "root=nfs:10.0.2.1:/srv/root"


@pytest.mark.parametrize(
    ("line", "path", "told"),
    [
        (f"{ROOT} ip=off", "", "ip=off keeps them down: leave it out"),
        (f"{ROOT} ip=eth0:off", "", "ip=off keeps them down: leave it out"),
        (f"{ROOT} ip=eth9:dhcp", "", "ip= names it; there are: eth0"),
        ("root=dhcp BOOTIF=01-52-54-00-99-99-99", "", "names its MAC address; there are: 52:54:"),
        ("root=dhcp", "iscsi:me:hush@10.0.2.1:x", "the root-path of 10.0.2.1: expected iscsi:["),
        ("root=nfs:host.example:/srv", "", "host.example: no name server is known to resolve"),
        ("root=nfs:10.0.2.1:srv", "", "the root is not understood: command line: root: 'nfs:10"),
        ("root=iscsi:me:hush@10.0.2.1::99999::iqn.2009-06.d:t", "", "a port from 1 to 65535, not"),
        ("root=LABLE=x", "", "the root is not understood: command line: root: 'LABLE=x'"),
    ],
)
def test_the_screen_names_what_is_wrong(
    line: str, path: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.toml"
    file.write_text(WORLD.format(line=line, path=path or "10.0.2.1:/srv/root"))
    main(["simulate", str(file), "--console"])
    shown = capsys.readouterr().out
    screen = re.sub(r"\s+", " ", shown[shown.index("=====") :])
    assert told in screen
    assert "hush" not in shown
    assert "the command line has no root=" not in screen
    if "not understood" not in told and "a port" not in told:
        assert "No disk has been seen" not in screen
        assert "ls /sys/class/net" in screen
