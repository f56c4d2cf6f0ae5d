"""Another generator's image is not proven where nothing names the volumes below root (R30)."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from fake_system import nested
from writing import archive_of

from initpy.image.check.check import prove
from initpy.image.check.foreignlayers import NEED
from initpy.image.check.proof import Row, Verdict
from initpy.image.stack.describe import describe
from initpy.image.tree import File, Tree

OK, WARNING, UNKNOWN, MISSING = Verdict.OK, Verdict.WARNING, Verdict.UNKNOWN, Verdict.MISSING
UUID = "3b1f4c52-6f0e-4c56-8f55-2f4a3a9b0001"
ARRAY_UUID = "15266e43:c7bf5d06:fb348b96:f173b958"
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
        (DRACUT, "rd.luks.uuid={U} rd.md.uuid=0-1 rd.md.uuid={A} rd.lvm.vg=vg0", ALL),
        ({**DRACUT, "/etc/cmdline.d/x.conf": "rd.luks.uuid={U}\nrd.md.uuid={A} rd.lvm.lv=vg0/root"},
         "", ALL),
        (DRACUT, "rd.luks.uuid={U} rd.md.uuid=0-1 rd.lvm.vg=vg1 rd.lvm.lv=vg0/swap",
         {**ALL, ARRAY: UNKNOWN, ROOT: UNKNOWN}),
        (DRACUT, "rd.auto rd.md=0 rd.lvm=no", {CRYPT: OK, ARRAY: MISSING, ROOT: MISSING}),
        ({**DRACUT, "/etc/cmdline.d/x": "rd.auto=1"}, "", dict.fromkeys(ALL, UNKNOWN)),
    ],
)  # fmt: skip
def test_what_an_image_is_told(
    files: Mapping[str, str], words: str, verdicts: Mapping[str, Verdict]
) -> None:
    rows = judged(files, words)
    found = {row.layer.rpartition("/")[2]: row.verdict for row in rows if row.need == NEED}
    assert found == verdicts


def judged(
    files: Mapping[str, str], words: str = "", machine: Mapping[str, str] | None = None
) -> tuple[Row, ...]:
    tree = Tree()
    tree.add("/init", File(b"#!/bin/sh\n", 0o755))
    for path, text in files.items():
        tree.add(path, File(_filled(text).encode("latin-1")))
    archive = archive_of(tree, Path("x.img"))
    system = nested()
    udev = "/run/udev/data/b9:127"
    told = f"ID_FS_UUID={UUID}\nE:MD_UUID={ARRAY_UUID}"
    system.texts[udev] = system.texts[udev].replace("ID_FS_UUID=x", told)
    stack = replace(describe("/", system), command_lines=())
    there = {path: _filled(text).encode("latin-1") for path, text in (machine or {}).items()}
    return prove(
        archive, stack, stack.kernel, modules=Path("/nonexistent"), run=False,
        cmdline=f"root=UUID=7a0c {_filled(words)}", machine=there.get,
    ).rows  # fmt: skip


def _filled(text: str) -> str:
    return text.replace("{U}", UUID).replace("{A}", ARRAY_UUID.replace(":", "-"))


TABLE, KEYS = "/cryptroot/crypttab", "/cryptroot/keyfiles/crypt.key"
LINE = {TABLE: f"crypt UUID={{U}} {KEYS} luks\n"}
HEADER = "LUKS\xba\xbe\0\2".ljust(168, "\0") + "3b1f"


@pytest.mark.parametrize(
    ("files", "words", "machine", "verdicts"),
    [
        # initramfs-tools skips a volume without its key file, and tries another key once.
        ({**LINE, KEYS: "k"}, "", {}, {"key file": OK}),
        (LINE, "", {}, {"key file": MISSING}),
        ({**LINE, KEYS: ""}, "", {}, {"key file": MISSING}),
        ({**LINE, KEYS: "k"}, "", {"/etc/crypttab": "crypt UUID={U} /etc/k luks\n", "/etc/k": "k"},
         {"key file": OK}),
        ({**LINE, KEYS: "k"}, "", {"/etc/crypttab": "crypt UUID={U} /etc/k luks\n", "/etc/k": "n"},
         {"key file": UNKNOWN}),
        ({TABLE: "crypt UUID={U} none luks\n"}, "", {}, {"key": OK}),
        ({TABLE: "crypt UUID={U} none luks,header=/h\n"}, "", {}, {"key": OK, "header": MISSING}),
        ({TABLE: "crypt UUID={U} none luks,header=/h\n", "/h": HEADER}, "", {},
         {"key": OK, "header": OK}),
        ({TABLE: "crypt UUID={U} a luks,keyscript=/s\n"}, "", {}, {"key script": MISSING}),
        # The others ask for a passphrase: dracut, mkinitcpio, systemd.
        ({"/etc/crypttab": "crypt UUID={U} /etc/k luks\n"}, "", {}, {"key file": WARNING}),
        ({"/etc/crypttab": "crypt UUID={U} /etc/k luks\n", "/etc/k": "k"}, "", {"/etc/k": "k"},
         {"key file": OK}),
        ({"/etc/crypttab": "crypt UUID={U} /etc/k luks\n", "/etc/k": "k"}, "", {"/etc/k": "n"},
         {"key file": WARNING}),
        ({"/etc/crypttab": "crypt UUID={U} /etc/k headless\n"}, "", {}, {"key file": MISSING}),
        ({"/etc/crypttab.initramfs": "crypt UUID={U} none header=/h\n", "/h": "x"}, "", {},
         {"key": OK, "header": MISSING}),
        ({}, "cryptdevice=UUID={U}:crypt cryptkey=rootfs:/k.bin", {}, {"key file": WARNING}),
        ({"/k.bin": "k"}, "cryptdevice=UUID={U}:crypt cryptkey=rootfs:/k.bin", {},
         {"key file": OK}),
        ({}, "rd.luks.name={U}=crypt rd.luks.key={U}=/k", {}, {"key file": WARNING}),
        ({}, "rd.luks.name={U}=crypt rd.luks.options={U}=header=/h", {},
         {"key": OK, "header": MISSING}),
    ],
)  # fmt: skip
def test_what_opens_a_volume(
    files: Mapping[str, str], words: str, machine: Mapping[str, str],
    verdicts: Mapping[str, Verdict],
) -> None:  # fmt: skip
    rows = [row for row in judged(files, words, machine) if row.layer.endswith(CRYPT)]
    found = {row.need: row.verdict for row in rows if row.need.startswith(("key", "header"))}
    assert found == verdicts


@pytest.mark.parametrize(
    ("files", "verdicts"),
    [
        ({}, set()),
        ({"/etc/lvm/lvm.conf": 'devices { filter = [ "r|.*|" ] }'}, {MISSING}),
        ({"/etc/lvm/lvm.conf": 'devices { filter = [ "a|.*|" ] }'}, {OK}),
        ({"/etc/lvm/lvm.conf": 'activation { volume_list = [ "other" ] }'}, {MISSING}),
        ({"/etc/mdadm/mdadm.conf": "AUTO -all\n"}, {MISSING}),
        ({"/etc/mdadm/mdadm.conf": f"AUTO -all\nARRAY /dev/md0 UUID={ARRAY_UUID}\n"}, set()),
    ],
)
def test_the_files_of_mdadm_and_lvm_count_in_each_image(
    files: Mapping[str, str], verdicts: set[Verdict]
) -> None:
    rows = judged({**DRACUT, **files}, "rd.auto")
    assert {
        row.verdict for row in rows if row.need.endswith(("lvm.conf", "mdadm.conf"))
    } == verdicts
