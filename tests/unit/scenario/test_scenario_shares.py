"""The tables [[share]] of a scenario file."""

from pathlib import Path

import pytest

from initpy.config.errors import InputError
from initpy.scenario.parse import load_scenario

TEXT = """
title = "x"
requirements = ["R16"]
[machine]
cmdline = "root=9p:system"
[[disk]]
name = "root"
size = "64M"
[[layer]]
kind = "ext4"
on = ["root"]
holds = "root"
[[share]]
kind = "9p"
tag = "system"
serves = "root"
[expect]
outcome = "booted"
within = 30
"""


def load(text: str, folder: Path) -> None:
    file = folder / "x.toml"
    file.write_text(text)
    load_scenario(file)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('kind = "9p"', 'kind = "cifs"', "kind"),
        ('tag = "system"', 'tag = ""', "tag"),
        ('tag = "system"', f'tag = "{"x" * 37}"', "tag"),
        ('serves = "root"', 'serves = "disk"', "serves"),
        ('size = "64M"', 'size = "64M"\narrives = 3', "serves"),
    ],
)
def test_a_wrong_share_is_one_line(old: str, new: str, told: str, tmp_path: Path) -> None:
    load(TEXT, tmp_path)
    with pytest.raises(InputError, match=told):
        load(TEXT.replace(old, new), tmp_path)
