"""The console has the machine's font once the driver of the screen is there (R37)."""

import gzip
import re
import struct
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from initpy.config.project import PROJECT
from initpy.image.content import fonts
from initpy.image.formats import cpio
from initpy.image.process import run
from initpy.image.tree import Entry, File
from initpy.lab.kernels import Kernel
from initpy.lab.machine import machine_folder
from initpy.lab.prepare import prepare
from initpy.lab.qemu import Qemu
from initpy.lab.specification import machine_spec
from initpy.scenario.model import MachineKind
from initpy.scenario.parse import load_scenario

PLAIN = Path(__file__).parents[1] / "scenarios" / "plain-ext4-label.toml"
SECONDS = 150
WIDTH, HEIGHT = 12, 24  # pixels; VGA's text mode refuses such letters
SCREEN = "bochs"  # the driver of QEMU's screen
PROMPT = "(initramfs) # "
LOOK = "sleep 1; echo SIZE-$(stty size </dev/tty1)-$(cat /sys/class/graphics/fb0/virtual_size)\n"
LOOKS = 20
SEEN = re.compile(r"SIZE-(\d+) (\d+)-(\d+),(\d+)")


@pytest.mark.boot
@pytest.mark.slow
def test_a_screen_whose_driver_comes_late_has_the_machines_font(
    record_property: Callable[[str, object], None], tmp_path: Path
) -> None:
    record_property("machine", "QEMU")
    scenario = load_scenario(PLAIN)
    bench = prepare([scenario], None, lambda _: None, MachineKind.QEMU).of(scenario)
    added = {**_fonts(tmp_path), **_driver(bench.kernel)}
    with machine_folder() as folder:
        spec = machine_spec(scenario, bench, folder)
        initrd = folder / "with-font"
        cpio.append(spec.initrd, [cpio.segment(added)], initrd)
        words = f"{spec.cmdline} break=premount console=tty0 console=ttyS0"
        given = replace(spec, initrd=initrd, cmdline=words, extra=(*spec.extra, "-vga", "std"))
        with Qemu(given, folder) as machine:
            _until(machine, lambda text: PROMPT in text)
            machine.console.type("for each in /lab/*.ko; do insmod $each; done\n")
            machine.console.type(LOOK * LOOKS)  # the shell takes them one after another
            _until(machine, _has_the_font)
            machine.console.type("exit\n")
            _until(machine, lambda text: "INITPY-LAB real init started" in text)
            # Of the text mode, which cannot have it, nothing is said.
            assert "setfont" not in machine.console.text
            assert "Traceback" not in machine.console.text


def _fonts(base: Path) -> dict[str, Entry]:
    """Return what the image gets for a system with a font of letters that all look alike."""
    letter = bytes((0xFF, 0xF0)) * HEIGHT
    header = struct.pack("<8I", 0x864AB572, 0, 32, 0, 256, len(letter), HEIGHT, WIDTH)
    (base / "etc").mkdir()
    (base / "etc/vconsole.conf").write_text("FONT=/etc/own.psf.gz\n")
    (base / "etc/own.psf.gz").write_bytes(gzip.compress(header + 256 * letter))
    made = fonts.collect(str(base), (), PROJECT / "rules")
    assert made.warnings == []
    return made.entries


def _driver(kernel: Kernel) -> dict[str, Entry]:
    """Return the driver of the screen and those below it, in the order in which they load."""
    base = str(kernel.modules).removesuffix(f"/lib/modules/{kernel.version}")
    needed = run(["modprobe", "-d", base, "-S", kernel.version, "--show-depends", SCREEN])
    paths = [line.split()[1] for line in needed.decode().splitlines() if line.startswith("insmod")]
    return {f"/lab/{at:02}.ko": File(Path(path).read_bytes()) for at, path in enumerate(paths)}


def _has_the_font(text: str) -> bool:
    found = SEEN.findall(text)
    if not found:
        return False
    rows, columns, wide, high = map(int, found[-1])
    return (rows, columns) == (high // HEIGHT, wide // WIDTH)


def _until(machine: Qemu, met: Callable[[str], bool]) -> None:
    limit = time.monotonic() + SECONDS
    while not met(machine.console.text) and time.monotonic() < limit:
        if machine.console.listen(0.2) is None:
            break
    assert met(machine.console.text), machine.console.text[-3000:]
