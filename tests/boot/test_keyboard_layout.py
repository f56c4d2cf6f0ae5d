"""A passphrase is typed in the layout of the machine's keyboard (R37).

The keys are pressed on the machine's PS/2 keyboard: a serial console has no layout.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from initpy.image.content import keymaps
from initpy.image.formats import cpio
from initpy.lab.machine import machine_folder
from initpy.lab.prepare import prepare
from initpy.lab.qemu import Qemu
from initpy.lab.specification import machine_spec
from initpy.scenario.model import MachineKind
from initpy.scenario.parse import load_scenario

PLAIN = Path(__file__).parents[1] / "scenarios" / "luks-plain.toml"
SECONDS = 120
# On this keyboard X and C have changed places (keycodes of input-event-codes.h).
MAP = "keymaps 0-1\nkeycode 45 = c C\nkeycode 46 = x X\n"
PASSPHRASE = "correct horse"
PRESSED = [{" ": "spc", "c": "x"}.get(letter, letter) for letter in PASSPHRASE]


@pytest.mark.boot
def test_a_passphrase_is_typed_in_the_machines_layout(
    record_property: Callable[[str, object], None], tmp_path: Path
) -> None:
    record_property("machine", "QEMU")
    for path, text in (("vconsole.conf", "KEYMAP=/etc/own.map\n"), ("own.map", MAP)):
        (tmp_path / "etc").mkdir(exist_ok=True)
        (tmp_path / "etc" / path).write_text(text)
    made = keymaps.collect(str(tmp_path), ())
    assert made.entries

    scenario = load_scenario(PLAIN)
    bench = prepare([scenario], None, lambda _: None, MachineKind.QEMU).of(scenario)
    with machine_folder() as folder:
        spec = machine_spec(scenario, bench, folder)
        initrd = folder / "with-keymap"
        cpio.append(spec.initrd, [cpio.segment(made.entries)], initrd)
        words = f"{spec.cmdline} console=tty0 console=ttyS0"
        with Qemu(replace(spec, initrd=initrd, cmdline=words), folder) as machine:
            _until(machine, "Passphrase for cryptroot")
            for key in (*PRESSED, "ret"):
                machine.press(key)
                time.sleep(0.15)  # QEMU holds a key for 0.1 s
            _until(machine, "cryptroot: unlocked")


def _until(machine: Qemu, text: str) -> None:
    limit = time.monotonic() + SECONDS
    while text not in machine.console.text and time.monotonic() < limit:
        if machine.console.listen(0.2) is None:
            break
    assert text in machine.console.text, machine.console.text[-2000:]
