"""QEMU's command line follows from the specification."""

from dataclasses import replace
from pathlib import Path

from initpy.lab.machine import Drive, MachineSpec
from initpy.lab.qemu import command_line

SPEC = MachineSpec(
    Path("vmlinuz"),
    Path("initrd"),
    "root=x",
    drives=(Drive("a", Path("a.raw")), Drive("b", Path("b.raw"), present=False, bus="usb")),
)


def test_an_absent_disk_has_a_file_but_no_device() -> None:
    words = command_line(SPEC, Path("/f"))
    assert sum("file.filename=" in word for word in words) == 2
    assert "virtio-blk-pci,id=disk-a,drive=node-a,serial=a" in words
    assert not any("disk-b" in word for word in words)


def test_the_controller_of_a_disk_that_arrives_later_is_there_from_the_start() -> None:
    assert "qemu-xhci,id=usb" in command_line(SPEC, Path("/f"))


def test_a_reset_ends_the_machine() -> None:
    assert "-no-reboot" in command_line(SPEC, Path("/f"))
    assert "-no-reboot" not in command_line(replace(SPEC, restarts=True), Path("/f"))


def test_a_slow_disk_is_limited() -> None:
    spec = replace(SPEC, drives=(Drive("a", Path("a.raw"), rate=131072),))
    words = command_line(spec, Path("/f"))
    assert "throttle-group,id=limit-a,x-bps-total=131072" in words
    limited = "driver=throttle,node-name=node-a,throttle-group=limit-a,file=node-a-unlimited"
    assert limited in words
