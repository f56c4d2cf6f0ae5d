"""The check judges parameters that keep the kernel from root, or from memory (R28)."""

from dataclasses import replace
from pathlib import Path

import pytest

from initpy.image.check import hazards
from initpy.image.check.proof import Verdict
from initpy.image.formats.archive import Archive
from initpy.image.stack.layers import Kind, Layer, Stack
from initpy.image.tree import File, Folder

MISSING, UNKNOWN, WARNING = Verdict.MISSING, Verdict.UNKNOWN, Verdict.WARNING
IMAGE = Archive(Path("x.img"), 10 << 20, entries={"/big": File(bytes(30 << 20))})


def stack(*buses: str, running: str = "") -> Stack:
    layers = tuple(Layer(f"bus:{each}", Kind.BUS, f"{each} 0") for each in buses)
    disk = Layer("block:sda", Kind.DISK, "/dev/sda", on=tuple(each.identity for each in layers))
    top = Layer("fs:/", Kind.FILESYSTEM, "root", on=("block:sda",))
    found = Stack("/", "6.1", "x86_64", ("fs:/",), (top, disk, *layers))
    return replace(found, cmdline=running)


@pytest.mark.parametrize(
    ("words", "buses", "running", "verdicts"),
    [
        ("quiet splash ro", ("usb", "scsi", "pci"), "", []),
        ("nousb", ("usb",), "", [MISSING]),
        ("nousb", ("pci",), "", []),
        ("usbcore.nousb=1", ("usb",), "", [MISSING]),
        ("usbcore.nousb=0", ("usb",), "", []),
        ("usbcore.authorized_default=0", ("usb",), "", [MISSING]),
        ("usbcore.authorized-default=2", ("usb",), "", [UNKNOWN]),
        ("usb-storage.quirks=1:2:u,3:4:ti", ("usb",), "", [UNKNOWN]),
        ("usb-storage.quirks=1:2:u", ("usb",), "", []),
        ("scsi_mod.scan=manual", ("scsi",), "", [MISSING]),
        ("scsi_mod.scan=async", ("scsi",), "", []),
        ("libata.force=2.00:disable", ("scsi",), "", [UNKNOWN]),
        ("libata.force=noncq", ("scsi",), "", []),
        ("pci=nomsi,off", ("pci",), "", [MISSING]),
        ("pci=nomsi", ("pci",), "", []),
        ("acpi=off", ("pci",), "", [UNKNOWN]),
        ("acpi=off", ("pci",), "acpi=off quiet", []),  # the running system lives with it
        ("initcall_blacklist=ahci_pci_driver_init", ("pci",), "", [UNKNOWN]),
        ("mem=32M", (), "", [MISSING]),
        ("mem=0x2000000", (), "", [MISSING]),
        ("mem=65536k", (), "", [WARNING]),
        ("mem=4G", (), "", []),
        ("mem=nopentium", (), "", []),
        ("udev.exec_delay=60", (), "", [WARNING]),
        ("rd.udev.exec_delay=60 udev.event_timeout=180", (), "", [WARNING]),
        ("udev.event_timeout=1", (), "", [WARNING]),
        ("udev.event_timeout=500ms", (), "", [WARNING]),
        ("udev.event_timeout=3min udev.exec_delay=0s", (), "", []),
    ],
)
def test_a_parameter_that_keeps_the_kernel_from_root(
    words: str, buses: tuple[str, ...], running: str, verdicts: list[Verdict]
) -> None:
    rows = [*hazards.rows(words, stack(*buses, running=running), IMAGE)]
    assert [row.verdict for row in rows] == verdicts
    assert all("remove it" in row.reason for row in rows if row.verdict is UNKNOWN)


@pytest.mark.parametrize(
    ("text", "verdicts"),
    [
        ("event_timeout=1\n", [WARNING]),
        ("exec_delay=500\n", [WARNING]),
        ("udev_log=3\n", []),
        (" event_timeout = '5s'\n", [WARNING]),
        ("event_timeout=1min\n#exec_delay=5\n;exec_delay=5\n", []),
        ("event_timeout=1\nevent_timeout=180\n", []),  # the last counts
        ("event_timeout=x\nexec_delay\n", []),
    ],
)
def test_udevd_may_be_told_to_wait(text: str, verdicts: list[Verdict]) -> None:
    folders = {each: Folder() for each in ("/etc", "/etc/udev")}
    image = replace(IMAGE, entries={**folders, "/etc/udev/udev.conf": File(text.encode())})
    assert [row.verdict for row in hazards.rows("", stack(), image)] == verdicts
