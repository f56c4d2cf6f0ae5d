"""Mounts without a device that the root's fstab wants: paths stay within the root (R18)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from initpy.config.fstab import parse_fstab, parse_root_mounts

TABLE = r"""
tmpfs /var/tmp tmpfs size=1M,mode=1777,x-initrd.mount
/srv/data /home none bind,ro,x-initrd.mount
overlay /etc/conf overlay lowerdir=/low\040er:/low2,upperdir=/up,workdir=/work,x-initrd.mount
/images/a.img /opt ext4 loop,ro,x-initrd.mount
/images/b.img /opt2 auto defaults,x-initrd.mount
/gone /mnt/gone none rbind,x-initrd.mount
/srv/x /mnt/later none bind,nofail,x-initrd.mount
tmpfs /tmp tmpfs defaults
server:/x /net nfs x-initrd.mount
"""


def test_what_has_no_device_is_apart_from_what_has_one() -> None:
    found = parse_root_mounts(TABLE)
    assert [(each.kind, each.target, each.source) for each in found] == [
        ("bind", "/home", "/srv/data"),
        ("loop", "/opt", "/images/a.img"),
        ("loop", "/opt2", "/images/b.img"),
        ("tmpfs", "/var/tmp", ""),
        ("overlay", "/etc/conf", ""),
        ("rbind", "/mnt/gone", "/gone"),
    ]
    wanted, problems = parse_fstab(TABLE)
    assert wanted == ()
    assert [str(each).split(": expected")[0] for each in problems] == [
        "/etc/fstab of the root: line 8: /mnt/later: 'nofail'",
        "/etc/fstab of the root: line 10: /net: 'server:/x'",
    ]


def test_usr_may_be_bound() -> None:
    (found,) = parse_root_mounts("/system/usr /usr none bind 0 0\n")
    assert (found.kind, found.target, found.source) == ("bind", "/usr", "/system/usr")


SCRIPT = """
import sys
from initpy.runtime.rootmounts import mount_all
print(mount_all(sys.argv[1]))
print(mount_all(sys.argv[1]))
print(open("/proc/self/mountinfo").read())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts")
def test_sources_and_targets_stay_within_the_root(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    for name in ("etc", "srv/data", "low er", "low2", "up", "work", "real/tmp", "var", "real/home"):
        (root / name).mkdir(parents=True)
    outside.mkdir()
    (root / "srv/data/file").write_text("it")
    (root / "var/tmp").symlink_to("/real/tmp")  # absolute: the root's, not this machine's
    (root / "home").symlink_to("../../../real/home")
    (root / "up").rmdir()
    (root / "work").rmdir()
    lines = [line for line in TABLE.splitlines() if "overlay" not in line and ".img" not in line]
    (root / "etc/fstab").write_text("\n".join(lines))
    command = ["unshare", "--mount", "--propagation", "private", sys.executable, "-c", SCRIPT]
    done = subprocess.run([*command, str(root)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, again, *mounts = done.stdout.splitlines()
    assert first == "(('/mnt/gone', '/gone is not on the root'),)"
    assert again == first
    fields = [line.split() for line in mounts if str(tmp_path) in line]
    points = {words[4]: " ".join(words) for words in fields}
    assert set(points) == {f"{root}/real/tmp", f"{root}/real/home"}
    assert "tmpfs" in points[f"{root}/real/tmp"]
    assert " ro," in points[f"{root}/real/home"]
