"""The firmware that kernel modules declare."""

from pathlib import Path

import pytest
from fake_modules import make_modules

from initpy.config.errors import InputError
from initpy.image.kernel import firmware


@pytest.mark.parametrize("damage", [b"", b"\x7fELF", b"no module at all"])
def test_a_damaged_module_is_named(tmp_path: Path, damage: bytes) -> None:
    folder = make_modules(tmp_path, [("kernel/a.ko", ""), ("kernel/b.ko", "")])
    modules = [folder / "kernel/a.ko", folder / "kernel/b.ko"]
    assert firmware.declared(modules) == ()
    modules[1].write_bytes(damage)
    with pytest.raises(InputError, match=r"^module: '.*/kernel/b\.ko': expected a whole kernel"):
        firmware.declared(modules)
