"""The table of all parameters: complete, without contradictions, and what the document says."""

from pathlib import Path

import pytest

from initpy.config.othernames import NAMES, may_be_ours
from initpy.config.parametertable import ELSEWHERE, EXPLAINED, OLD, REFUSED, SAID, SILENT, document
from initpy.config.settings import known_names, read_settings

DOCUMENTED = Path(__file__).with_name("documented_parameters.txt")
DOCUMENT = Path(__file__).parents[3] / "docs/parameters.md"
ROWS = (EXPLAINED, *SILENT, *SAID, *ELSEWHERE, *REFUSED)
KNOWN = frozenset(known_names())


def documented() -> list[str]:
    """The names of parameters that initramfs of other systems document."""
    lines = DOCUMENTED.read_text().splitlines()
    return [each.replace("_", "-") for each in lines if each and not each.startswith("#")]


@pytest.mark.parametrize("name", sorted(set(documented())))
def test_each_documented_parameter_is_understood_or_in_the_table(name: str) -> None:
    there = name in KNOWN or name in OLD or name == "boot"
    assert there or any(row.names_of(name) for row in ROWS)


def test_no_parameter_is_both_understood_and_not() -> None:
    exact = [each for row in ROWS for each in row.names.split() if not each.endswith("*")]
    assert KNOWN.isdisjoint(exact)
    assert KNOWN.isdisjoint(OLD)
    assert len(exact) == len(set(exact))


def test_all_that_is_to_be_said_is_looked_up() -> None:
    said = [each for row in (*SAID, *ELSEWHERE, *REFUSED) for each in row.names.split()]
    for name in (*said, *OLD):
        assert may_be_ours(name.removesuffix("*")), name
    exact = {each for each in (*said, *OLD) if not each.endswith("*")}
    assert exact | {"boot"} >= NAMES


def test_the_document_has_each_parameter() -> None:
    text = DOCUMENT.read_text()
    assert document() in text, "replace the last sections by what document() returns"
    for name in KNOWN:
        assert f"`{name.replace('-', '_')}" in text or f"`{name}" in text, name


@pytest.mark.parametrize(
    ("line", "said", "refused"),
    [
        ("fcoe=eth0:nodcb", "fcoe: 'eth0:nodcb': not supported: no disk is looked for", False),
        ("team=team0:eth0", "command line: team: 'team0:eth0': not supported: use bond=", False),
        ("rd.fcoe=0 rd.dm=0 rd.bootif=no rd_NO_DM rd.neednet=0", "", False),
        ("systemd.unit=x rd.udev.log_level=3 splash console=ttyS0", "", False),
        ("netroot=iscsi:a::::b", "command line: netroot: ", False),
        ("boot=nbd", "command line: boot: 'nbd': not supported: nbdroot=", True),
        ("cifspass=hush", "command line: cifspass: '…': not supported", False),
        ("rd.systemd.pull=raw,x:http://a/b", "command line: rd.systemd.pull: ", False),
        (
            "rd.luks.uid=x",
            "expected a parameter that initpy knows, such as rd.luks.uuid; it",
            False,
        ),
        ("rd.live.image", "command line: rd.live.image: not supported: live images", True),
        ("rd.live.image=0", "", False),
        ("rd.writable.fsimg=1", "command line: rd.writable.fsimg: '1': not supported", True),
        (
            "ostree=/ostree/boot.1/fedora/ab12/0",
            "ostree: '/ostree/boot.1/fedora/ab12/0': n",
            True,
        ),
        ("rd.modules_force_load=nvme", "rd.modules_force_load: 'nvme': not supported", False),
        ("roothash=1234", "command line: roothash: '1234': not supported: dm-verity", True),
        ("systemd.verity_root_data=/dev/a", "systemd.verity_root_data: '/dev/a': not sup", True),
        ("rd.overley=1", "such as rd.overlay; root is left alone", True),
        ("rd.overlay.cript=LABEL=a", "rd.overlay.cript: 'LABEL=a': not supported", True),
        ("boot=live", "command line: boot: 'live': not supported: live images", True),
        ("boot=UUID=1-2 boot=local", "", False),
        # Of other initramfs: what decides which device root is, or what is written to.
        ("iso-scan/filename=/x.iso", "iso-scan/filename: '/x.iso': not supported: live", False),
        ("archisosearchuuid=2024-01-01-00-00-00-00", "not supported: live images", False),
        ("cos-img/filename=/cOS/active.img", "not supported: live images", False),
        ("alpine_dev=sda1", "alpine_dev: 'sda1': not supported: live images", False),
        ("zfs=tank/root", "zfs: 'tank/root': not supported: the image has no ZFS", False),
        ("pmos_root_uuid=1-2", "pmos_root_uuid: '1-2': not supported: root=DEVICE", False),
        ("crypt_root=UUID=1-2", "not supported: cryptdevice=DEVICE:NAME[:OPTION,…] opens", False),
        ("cryptroot=UUID=1-2", "not supported: cryptdevice=DEVICE:NAME[:OPTION,…] opens", False),
        ("cryptdm=root", "not supported: cryptdevice=DEVICE:NAME[:OPTION,…] opens", False),
        ("luksdev=/dev/sda2", "not supported: cryptdevice=DEVICE:NAME[:OPTION,…] opens", False),
        ("root_keydev=UUID=1-2", "not supported: cryptkey=DEVICE:FILESYSTEM:/PATH", False),
        ("lukskey=LABEL=stick:/k", "not supported: rd.luks.key=/PATH:UUID=", False),
        ("rd_LUKS_KEYPATH=/k", "not supported: rd.luks.key=/PATH:UUID=", False),
        ("cryptheader=/h", "not supported: rd.luks.options=UUID=header=/PATH:DEVICE", False),
        ("root_trim=yes", "not supported: rd.luks.allow-discards allows discards", False),
        ("rd.lvm.snapshot=vg/s", "not supported: no snapshot is made: rd.overlay=1 keeps", False),
        ("usr=PARTUUID=1-2", "not supported: mount.usr= and mount.usrflags= are about", False),
        ("overlaytmpfs=yes", "not supported: rd.overlay=1 keeps root unchanged", True),
        ("overlaytmpfs=no", "", False),
        # Raspberry Pi OS, KIWI, Yocto, dracut's of others; and what nobody here has heard of.
        ("boot=overlay", "boot: 'overlay': not supported: rd.overlay=1 keeps root", True),
        ("boot=foo", "boot: 'foo': not supported: there are no boot scripts", True),
        ("boot=/dev/sda1 boot= boot", "", False),
        ("rd.root.overlay.temporary", "not supported: rd.overlay=1 keeps root unchanged", True),
        ("rd.root.overlay.write=/dev/sda4", "not supported: rd.overlay=1 keeps", True),
        ("rd.root.overlay.readonly=0", "", False),
        ("rootrw=/dev/sda4", "not supported: rd.overlay=1 keeps root unchanged", True),
        ("overlayrootrwdev=/dev/sda4", "not supported: rd.overlay=1 keeps root unchanged", True),
        ("rootoverlay=LABEL=a", "not supported: rd.overlay=1 keeps root unchanged", True),
        ("overlay=UUID=1-2", "not supported: rd.overlay=1 keeps root unchanged", True),
        ("acme.OverlayDev=LABEL=a", "not supported: rd.overlay=1 keeps root unchanged", True),
        ("overlay.metacopy=on overlay.redirect_dir=on overlay_size=1G", "", False),
        ("subdir=/gentoo", "not supported: root would be a folder within the file", True),
        ("overlayfs", "overlayfs: not supported: rd.overlay=1 keeps root unchanged", True),
        ("ugrd_livecd_label=x", "not supported: live images", False),
        ("verity.usrhash=12", "not supported: dm-verity is not set up", True),
        ("rd.writable_fsimg", "not supported: live images", True),
        ("rd.log=console|kmsg dolvm domdadm modules=loop,squashfs", "", False),
    ],
)
def test_what_is_said_of_a_parameter_that_nothing_reads(
    line: str, said: str, refused: bool
) -> None:
    settings, problems = read_settings(f"root=LABEL=a {line}")
    assert [said in str(each) for each in problems] == [True] * bool(said)
    assert bool(settings.refusal) is refused


@pytest.mark.parametrize(
    "line",
    [
        "zfs=tank/root", "alpine_dev=sda1 modules=loop", "archisobasedir=arch", "findiso=/x.iso",
        "pmos_root=/dev/sda2", "misobasedir=manjaro", "cos-img/filename=/x.img",
    ],
)  # fmt: skip
def test_where_others_name_root_no_other_one_is_looked_for(line: str) -> None:
    settings, (problem,) = read_settings(line)
    assert settings.root is None
    assert settings.unread == str(problem)
    settings, problems = read_settings(f"{line} root=LABEL=a")
    assert (str(settings.root), len(problems)) == ("LABEL=a", 1)


@pytest.mark.parametrize(
    ("line", "same"),
    [
        ("root=/dev/ram0 real_root=/dev/sda3 dolvm", "root=/dev/sda3"),
        ("root=LABEL=a real_rootflags=subvol=@", "root=LABEL=a rootflags=subvol=@"),
        ("root=LABEL=a real_init=/bin/sh", "root=LABEL=a init=/bin/sh"),
        ("root=LABEL=a real_resume=LABEL=s", "root=LABEL=a resume=LABEL=s"),
        ("root=LABEL=a fstype=xfs", "root=LABEL=a rootfstype=xfs"),
        ("root=LABEL=a ugrd_no_fsck", "root=LABEL=a fsck.mode=skip"),
        ("root=LABEL=a ugrd_mount_timeout=200", "root=LABEL=a rootdelay=200"),
        ("root=LABEL=a gk.emergency=reboot", "root=LABEL=a rd.emergency=reboot"),
        ("root=LABEL=a waitforroot=200", "root=LABEL=a rootdelay=200"),
        ("root=LABEL=a SYSFONT=eurlatgr", "root=LABEL=a rd.vconsole.font=eurlatgr"),
    ],
)
def test_names_of_other_initramfs_for_the_same(line: str, same: str) -> None:
    settings, problems = read_settings(line)
    assert (settings._replace(root_wait=0), problems) == (
        read_settings(same)[0]._replace(root_wait=0), ())  # fmt: skip


def test_older_names_mean_what_they_meant() -> None:
    uuid = "f1f2f3f4:a1a2a3a4:b1b2b3b4:c1c2c3c4"
    line = f"rd_MD_UUID={uuid} rd_NO_LVM rd_NO_MDADMCONF rdshell=0"
    same = f"rd.md.uuid={uuid} rd.lvm=0 rd.md.conf=0 rd.shell=0"
    assert read_settings(line) == read_settings(same)
