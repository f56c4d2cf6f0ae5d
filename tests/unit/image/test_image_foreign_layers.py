"""Another generator's image is not proven where nothing names the volumes below root (R30)."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from fake_system import nested
from writing import archive_of

from initpy.image.check.check import prove
from initpy.image.check.foreignlayers import NEED
from initpy.image.check.proof import Verdict
from initpy.image.stack.describe import describe
from initpy.image.tree import File, Tree

OK, UNKNOWN = Verdict.OK, Verdict.UNKNOWN
UUID = "3b1f4c52-6f0e-4c56-8f55-2f4a3a9b0001"
DRACUT = {"/usr/lib/dracut/dracut-059": "059"}
CRYPT, ARRAY, ROOT = "crypt (LUKS)", "md127 (md)", "vg0-root (logical volume)"
ALL = {CRYPT: OK, ARRAY: OK, ROOT: OK}


@pytest.mark.parametrize(
    ("files", "words", "verdicts"),
    [
        ({"/scripts/functions": ""}, "", {CRYPT: UNKNOWN}),
        ({"/cryptroot/crypttab": "crypt UUID={U} none luks,initramfs\n"}, "", {CRYPT: OK}),
        ({"/cryptroot/crypttab": "crypt UUID=y none luks,initramfs\n"}, "", {CRYPT: UNKNOWN}),
        ({"/cryptroot/crypttab": "other UUID=y none luks,initramfs\n"}, "", {CRYPT: UNKNOWN}),
        ({"/etc/crypttab": "other UUID={U} none luks\n"}, "", {CRYPT: OK}),
        ({}, "rd.luks.name={U}=root", {CRYPT: OK}),
        ({}, "rd.luks.uuid=other", {CRYPT: UNKNOWN}),
        (DRACUT, "", dict.fromkeys(ALL, UNKNOWN)),
        (DRACUT, "rd.auto", ALL),
        (DRACUT, "rd.auto=0", dict.fromkeys(ALL, UNKNOWN)),
        (DRACUT, "rd.luks.uuid={U} rd.md.uuid=1 rd.lvm.vg=vg0", ALL),
        ({**DRACUT, "/etc/cmdline.d/x.conf": "rd.luks.uuid={U}\nrd.md.uuid=1 rd.lvm.lv=vg0/root"},
         "", ALL),
        ({**DRACUT, "/etc/cmdline.d/x": "rd.auto=1"}, "", dict.fromkeys(ALL, UNKNOWN)),
    ],
)  # fmt: skip
def test_what_an_image_is_told(
    files: Mapping[str, str], words: str, verdicts: Mapping[str, Verdict]
) -> None:
    tree = Tree()
    tree.add("/init", File(b"#!/bin/sh\n", 0o755))
    for path, text in files.items():
        tree.add(path, File(text.replace("{U}", UUID).encode()))
    archive = archive_of(tree, Path("x.img"))
    system = nested()
    udev = "/run/udev/data/b9:127"
    system.texts[udev] = system.texts[udev].replace("ID_FS_UUID=x", f"ID_FS_UUID={UUID}")
    stack = replace(describe("/", system), command_lines=())
    absent = Path("/nonexistent")
    cmdline = f"root=UUID=7a0c {words.replace('{U}', UUID)}"
    proof = prove(archive, stack, stack.kernel, modules=absent, run=False, cmdline=cmdline)
    found = {row.layer.rpartition("/")[2]: row.verdict for row in proof.rows if row.need == NEED}
    assert found == verdicts
