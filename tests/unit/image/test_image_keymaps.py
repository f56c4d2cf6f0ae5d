"""An image has the layout of the machine's keyboard (R37). loadkeys is the real one."""

import gzip
import struct
from pathlib import Path

import pytest
from writing import archive_of

from initpy.config.keyboard import DEFAULT, RECORD
from initpy.config.settings import read_settings
from initpy.image.check.keyboards import layout
from initpy.image.check.proof import Verdict
from initpy.image.content import keymaps
from initpy.image.content.programs import find_program
from initpy.image.tree import File, Link, Tree
from initpy.runtime.keymap import HOLE, entries

GERMAN = "".join(
    f"keycode {code} = +{letter} +{letter.upper()}\n"
    for row, letters in ((16, "qwertzuiop"), (30, "asdfghjkl"), (44, "yxcvbnm"))
    for code, letter in enumerate(letters, row)
)
CYRILLIC = "keymaps 0-1\n" + "".join(f"keycode {code} = U+04{code:02x}\n" for code in range(16, 51))
DE = "/usr/lib/initpy/keymaps/de-latin1.bmap"


def system(folder: Path, files: dict[str, str]) -> str:
    for path, text in files.items():
        place = folder / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        data = text.encode()
        place.write_bytes(gzip.compress(data) if path.endswith(".gz") else data)
    return str(folder)


def typed(made: bytes, code: int) -> str:
    """Return the letter that a key types without others."""
    found = [struct.unpack("=BBH", each) for each in entries(made)]
    return next(chr(value & 0xFF) for table, key, value in found if (table, key) == (0, code))


def program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_the_keymap_of_vconsole_conf_is_the_default(tmp_path: Path) -> None:
    base = system(tmp_path, {
        "/etc/vconsole.conf": 'KEYMAP="/share/de-latin1.map.gz"  # of the console\nFONT=x\n',
        "/share/de-latin1.map.gz": "keymaps 0-1\n" + GERMAN,
    })  # fmt: skip
    found = keymaps.collect(base, ())
    assert found.entries[DEFAULT] == Link(DE)
    made = found.entries[DE]
    assert isinstance(made, File)
    assert (typed(made.read(), 21), typed(made.read(), 44)) == ("z", "y")
    assert found.warnings == []


def test_what_setupcon_has_saved_serves_without_ckbcomp(tmp_path: Path) -> None:
    base = system(tmp_path, {
        "/etc/default/keyboard": 'XKBMODEL="pc105"\nXKBLAYOUT="de"\nXKBVARIANT=""\n',
        "/etc/console-setup/cached_UTF-8_del.kmap.gz": "keymaps 0-1\n" + GERMAN,
    })  # fmt: skip
    made = keymaps.collect(base, ()).entries[DEFAULT]
    assert isinstance(made, File)
    assert typed(made.read(), 21) == "z"


def test_keys_that_a_keymap_does_not_name_stay_as_they_are(tmp_path: Path) -> None:
    base = system(
        tmp_path, {"/etc/vconsole.conf": "KEYMAP=/x.map\n", "/x.map": "keycode 58 = Escape\n"}
    )
    made = keymaps.collect(base, ()).entries["/usr/lib/initpy/keymaps/x.bmap"]
    assert isinstance(made, File)
    found = {struct.unpack("=BBH", each)[1] for each in entries(made.read())}
    assert found == {58}
    assert HOLE not in {each[2:] for each in entries(made.read())}


@pytest.mark.parametrize("files", [
    {},
    {"/etc/vconsole.conf": "KEYMAP=us\n"},
    {"/etc/vconsole.conf": "KEYMAP=@kernel\nXKBLAYOUT=de\n"},
    {"/etc/default/keyboard": 'XKBMODEL="pc105"\nXKBLAYOUT="us"\nXKBVARIANT=""\nXKBOPTIONS=""\n'},
    {"/etc/default/keyboard": "# nothing\nBACKSPACE=guess\n"},
    {"/etc/vconsole.conf": "KEYMAP='not closed\n"},
])  # fmt: skip
def test_the_kernels_own_layout_needs_no_keymap(tmp_path: Path, files: dict[str, str]) -> None:
    found = keymaps.collect(system(tmp_path, files), ())
    assert (found.entries, found.warnings) == ({}, [])


def test_a_keymap_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    base = system(tmp_path, {"/etc/vconsole.conf": "KEYMAP=no-such-map\n"})
    found = keymaps.collect(base, ["root=x rd.vconsole.keymap=nor-this quiet"])
    assert found.entries == {}
    assert [each.partition(":")[0] for each in found.warnings] == [
        "passphrases are typed as on a US keyboard, not no-such-map",
        "the keymap nor-this, which the command line or `keymaps` names",
    ]


def test_without_loadkeys_the_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keymaps, "find_program", lambda _: None)
    found = keymaps.collect(system(tmp_path, {"/etc/default/keyboard": "XKBLAYOUT=fr\n"}), ())
    assert found.entries == {}
    assert "not fr: loadkeys is not installed (package kbd)" in found.warnings[0]


def test_a_broken_keymap_ends_no_build(tmp_path: Path) -> None:
    base = system(tmp_path, {"/etc/vconsole.conf": "KEYMAP=/x.map\n", "/x.map": "keycode x = \n"})
    assert len(keymaps.collect(base, ()).warnings) == 1


def test_a_layout_without_latin_letters_gets_the_us_one_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "cyrillic").write_text(CYRILLIC)
    (tmp_path / "both").write_text("keymaps 0-1\n" + GERMAN)
    program(tmp_path / "bin", "ckbcomp",
            f'echo "$@" >>{tmp_path}/asked; case "$*" in *us,*) cat {tmp_path}/both;; '
            f"*) cat {tmp_path}/cyrillic;; esac")  # fmt: skip
    real = find_program
    monkeypatch.setattr(
        keymaps, "find_program",
        lambda name: tmp_path / "bin/ckbcomp" if name == "ckbcomp" else real(name),
    )  # fmt: skip
    base = system(tmp_path, {
        "/etc/default/keyboard": "XKBLAYOUT=ru\nXKBVARIANT=phonetic\nXKBOPTIONS=ctrl:nocaps\n"
    })  # fmt: skip
    found = keymaps.collect(base, ())
    made = found.entries[DEFAULT]
    assert isinstance(made, File)
    assert typed(made.read(), 16) == "q"
    assert "prompts begin with us" in found.warnings[0]
    asked = (tmp_path / "asked").read_text().splitlines()[-1]
    assert asked == ("-variant ,phonetic -option ctrl:nocaps,grp:alt_shift_toggle -layout us,ru")


def test_a_console_keymap_without_latin_letters_is_said(tmp_path: Path) -> None:
    base = system(tmp_path, {"/etc/vconsole.conf": "KEYMAP=/x.map\n", "/x.map": CYRILLIC})
    found = keymaps.collect(base, ())
    assert DEFAULT in found.entries
    assert "has no Latin letters" in found.warnings[0]


def test_a_portable_image_has_no_layout_of_the_machine() -> None:
    assert keymaps.collect(None, ()).entries == {}


@pytest.mark.parametrize(("words", "files", "verdict"), [
    ("", {}, None),
    ("", {DEFAULT: b"x"}, Verdict.OK),
    ("rd.vconsole.keymap=de-latin1", {DE: b"x"}, Verdict.OK),
    ("rd.vconsole.keymap=de-latin1", {DEFAULT: b"x"}, Verdict.WARNING),
    ("rd.vconsole.keymap=us", {}, Verdict.OK),
])  # fmt: skip
def test_the_check_says_whether_the_layout_is_there(
    words: str, files: dict[str, bytes], verdict: Verdict | None
) -> None:
    tree = Tree()
    for path, data in files.items():
        tree.add(path, File(data))
    rows = [*layout(archive_of(tree, Path("x.img")), read_settings(words)[0])]
    assert [row.verdict for row in rows] == ([] if verdict is None else [verdict])


GERMANS, FRENCH = b"XKBLAYOUT=de\nXKBVARIANT=nodeadkeys\n", b"XKBLAYOUT=fr\n"


@pytest.mark.parametrize(
    ("built", "now", "warned"),
    [
        (GERMANS, GERMANS, False),
        (GERMANS, b"# hand-made\n" + GERMANS, False),
        (GERMANS, FRENCH, True),
        (GERMANS, b"XKBLAYOUT=de\n", True),
        (GERMANS, b"XKBLAYOUT=us\n", True),
        (b"XKBLAYOUT=us\n", GERMANS, True),
        (b"XKBLAYOUT=us\n", b"XKBLAYOUT=us\nXKBMODEL=pc105\n", False),
        (GERMANS, None, False),  # another machine
    ],
)
def test_a_layout_that_has_changed_since_the_build_is_said(
    built: bytes, now: bytes | None, warned: bool, tmp_path: Path
) -> None:
    base = system(tmp_path, {
        "/etc/default/keyboard": built.decode(),
        "/etc/console-setup/cached_UTF-8_del.kmap.gz": "keymaps 0-1\n" + GERMAN,
    })  # fmt: skip
    tree = Tree()
    for path, entry in keymaps.collect(base, ()).entries.items():
        tree.add(path, entry)
    archive = archive_of(tree, Path("x.img"))
    assert (RECORD in archive) is (built == GERMANS)
    there = {"/etc/default/keyboard": now} if now is not None else {}
    settings = read_settings("")[0]
    rows = [*layout(archive, settings, there.get, asked=True)]
    assert (Verdict.WARNING in {row.verdict for row in rows}) is warned
    assert not any(
        row.verdict is Verdict.WARNING for row in layout(archive, settings, there.get, asked=False)
    )
