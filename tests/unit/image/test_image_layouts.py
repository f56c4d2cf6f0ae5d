"""Each installer's layout gets its verdict (R28); see `layouts`.

The image is initpy's without drivers and programs: these rows are not looked at.
"""

from pathlib import Path

import pytest
from layouts import KERNEL, LAYOUTS
from test_image_parameters import image

from initpy.config.crypttab import parse_crypttab
from initpy.config.jobs import json_text
from initpy.image.check.check import prove
from initpy.image.check.proof import Verdict
from initpy.image.content.reduced import crypttab
from initpy.image.stack.describe import describe
from initpy.image.stack.entries import names_of
from initpy.image.stack.hostonly import volumes
from initpy.image.tree import File

# What says nothing about names and parameters.
ROWS = (" of cipher ", " driver ")
OTHERS = (
    "program", "udev", "Python", "init", "module indexes", "driver", "bus", "target",
    "a check before its mount", "another entry",
)  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_verdict_for_a_layout(name: str) -> None:
    layout = LAYOUTS[name]
    stack = describe("/", layout.system())
    needed = names_of(stack, parse_crypttab("t", layout.crypttab)[0]) | volumes(stack)
    carried = crypttab(layout.crypttab, needed) if layout.marks else ""
    proof = prove(image(carried), stack, KERNEL, modules=Path("/nonexistent"), run=False)
    found = {
        row.need: row.verdict
        for row in proof.rows
        if row.verdict is not Verdict.OK and not row.need.startswith(OTHERS)
    }
    found = {
        need: verdict for need, verdict in found.items() if not any(word in need for word in ROWS)
    }
    known = ("file system", "device mapper", "software RAID", "RAID level", "whose array")
    assert {n: v for n, v in found.items() if not n.startswith(known)} == layout.bad, proof.rows


@pytest.mark.parametrize(
    ("word", "verdict"),
    [
        ("ZFS=rpool/ROOT/pve-1", Verdict.OK),
        ("zfs:rpool/ROOT/pve-1", Verdict.OK),
        ("ZFS=rpool/ROOT/other", Verdict.MISSING),
        ("zfs:AUTO", Verdict.UNKNOWN),  # only zpool knows bootfs
        ("UUUD=1", Verdict.MISSING),
    ],
)
def test_a_job_file_says_which_forms_of_root_lead_to_a_pool(word: str, verdict: Verdict) -> None:
    layout = LAYOUTS["Proxmox on ZFS"]
    archive = image("")
    job = Path(__file__).parents[3] / "jobs/extra/zfs.toml"
    archive.entries["/usr/lib/initpy/jobs/zfs.json"] = File(json_text(job).encode())
    stack = describe("/", layout.system())
    proof = prove(
        archive, stack, KERNEL, modules=Path("/nonexistent"), run=False, cmdline=f"root={word}"
    )
    assert [row.verdict for row in proof.rows if row.need == "root="] == [verdict]
