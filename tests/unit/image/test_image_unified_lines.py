"""The command line of a unified kernel image is its own with its addons', and no other file's."""

from pathlib import Path

import pytest
from fake_system import FakeSystem, nested
from test_image_parameters import about, image
from test_image_pe import image as pe_file

from initpy.image.check import unified
from initpy.image.check.check import prove
from initpy.image.check.proof import Verdict
from initpy.image.formats.archive import Archive
from initpy.image.stack.describe import describe


def bzimage(release: str) -> bytes:
    """Return the head of a kernel for x86 (Documentation/arch/x86/boot.rst)."""
    head = bytearray(0x400)
    head[0x202:0x206] = b"HdrS"
    head[0x20E:0x210] = (0x100).to_bytes(2, "little")  # less 0x200
    return bytes(head[:0x300]) + release.encode() + b" (builder@host) #1\0" + bytes(0x200)


RIGHT, STALE = "root=UUID=7a0c", "root=UUID=stale"


def found(
    path: Path, own: str | None, files: dict[str, str], system: FakeSystem | None = None
) -> dict[str, tuple[Verdict, str]]:
    """Return the rows about the command line of a unified image with these addons."""
    for name, words in files.items():
        addon = path.parents[2] / name
        addon.parent.mkdir(parents=True, exist_ok=True)
        addon.write_bytes(pe_file((".cmdline", words.encode() + b"\0")))
    sections = {".linux": b"k"} | ({".cmdline": own.encode()} if own is not None else {})
    archive = Archive(path, 0, entries=image().entries, sections=sections)
    stack = describe("/", system or nested())
    proof = prove(archive, stack, stack.kernel, modules=Path("/nonexistent"), run=False)
    return about(proof)


@pytest.mark.parametrize(
    ("own", "files", "verdict"),
    [
        (RIGHT, {}, Verdict.OK),
        ("ro", {"EFI/Linux/a.efi.extra.d/x.addon.efi": RIGHT}, Verdict.OK),
        (None, {"EFI/Linux/a.efi.extra.d/x.addon.efi": RIGHT}, Verdict.OK),
        ("ro", {"loader/addons/x.addon.efi": RIGHT}, Verdict.OK),
        (RIGHT, {"loader/addons/x.addon.efi": STALE}, Verdict.MISSING),
        (STALE, {"EFI/Linux/a.efi.extra.d/x.addon.efi": RIGHT}, Verdict.OK),
        # These are not for this image.
        (RIGHT, {"EFI/Linux/b.efi.extra.d/x.addon.efi": STALE}, Verdict.OK),
        (RIGHT, {"loader/addons/x.efi": STALE}, Verdict.OK),
    ],
)
def test_addons_add_to_the_command_line(
    own: str | None, files: dict[str, str], verdict: Verdict, tmp_path: Path
) -> None:
    rows = found(tmp_path / "EFI/Linux/a.efi", own, files)
    assert rows["root="][0] is verdict, rows
    applied = [each for each in files if "b.efi" not in each and "addon.efi" in each]
    assert all(str(tmp_path / each) in rows["its source"][1] for each in applied)


def test_the_addons_of_an_image_whose_boots_are_counted(tmp_path: Path) -> None:
    rows = found(tmp_path / "EFI/Linux/a+2-1.efi", "ro",
                 {"EFI/Linux/a.efi.extra.d/x.addon.efi": RIGHT})  # fmt: skip
    assert rows["root="][0] is Verdict.OK


def test_a_damaged_addon_is_none(tmp_path: Path) -> None:
    folder = tmp_path / "EFI/Linux/a.efi.extra.d"
    folder.mkdir(parents=True)
    (folder / "x.addon.efi").write_bytes(b"MZ")
    (folder / "y.addon.efi").write_bytes(b"")
    (folder / "z.addon.efi").mkdir()
    rows = found(tmp_path / "EFI/Linux/a.efi", RIGHT, {})
    assert rows["its source"] == (Verdict.OK, "the unified kernel image")


def test_an_image_without_a_command_line_has_that_of_no_other_file(tmp_path: Path) -> None:
    system = nested()
    system.texts |= {"/etc/kernel/cmdline": RIGHT, "/proc/cmdline": RIGHT}
    path = tmp_path / "EFI/Linux/a.efi"
    rows = found(path, None, {}, system)
    assert list(rows) == ["its source"]
    assert rows["its source"][0] is Verdict.UNKNOWN
    assert "the unified kernel image has no command line" in rows["its source"][1]
    # An entry of type #1 may start it with one.
    for key in ("efi", "uki"):
        system.texts["/efi/loader/entries/a.conf"] = f"{key} /EFI/Linux/a.efi\noptions {STALE}\n"
        rows = found(path, None, {}, system)
        assert rows["root="][0] is Verdict.MISSING
        assert rows["its source"][1] == "/efi/loader/entries/a.conf"


def test_an_entry_that_gives_an_image_other_words_is_a_warning(tmp_path: Path) -> None:
    system = nested()
    system.texts["/efi/loader/entries/a.conf"] = f"efi /EFI/Linux/a.efi\noptions {STALE}\n"
    rows = found(tmp_path / "EFI/Linux/a.efi", RIGHT, {}, system)
    assert rows["root="][0] is Verdict.OK
    assert rows["another entry"][0] is Verdict.WARNING
    system.texts["/efi/loader/entries/a.conf"] = f"efi /EFI/Linux/a.efi\noptions {RIGHT}\n"
    assert "another entry" not in found(tmp_path / "EFI/Linux/a.efi", RIGHT, {}, system)


@pytest.mark.parametrize(
    ("later", "configured", "warned"),
    [
        (60, "root=UUID=7a0c quiet", True),
        (60, "quiet  root=UUID=7a0c # as before", False),
        (60, "root=UUID=7a0c", True),
        (-60, "root=UUID=7a0c other", False),  # another one was given on purpose
        (None, "root=UUID=7a0c other", False),
    ],
)
def test_a_command_line_that_was_configured_after_the_build(
    later: float | None, configured: str, warned: bool, tmp_path: Path
) -> None:
    path = tmp_path / "a.efi"
    path.write_bytes(b"")
    system = nested()
    system.texts["/etc/kernel/cmdline"] = configured
    own = {".linux": b"k", ".cmdline": b"root=UUID=7a0c quiet" if not warned else RIGHT.encode()}
    if configured == RIGHT:
        own[".cmdline"] = b"root=UUID=7a0c rd.md=0"
    archive = Archive(path, 0, entries=image().entries, sections=own)
    now = path.stat().st_mtime

    def changed(file: str) -> float | None:
        assert file == "/etc/kernel/cmdline"
        return now + later if later is not None else None

    rows = [*unified.overtaken(archive, describe("/", system), changed)]
    assert [row.verdict for row in rows] == ([Verdict.WARNING] if warned else [])
    if configured == RIGHT:
        assert "says otherwise of rd.md:" in rows[0].reason


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({}, ""),
        ({".linux": b"k"}, ""),  # it does not say
        ({".uname": b"6.1.0-test\n"}, ""),
        ({".uname": b"6.1.0-57\0"}, "kernel 6.1.0-57, and modules for 6.1.0-test"),
        ({".linux": bzimage("6.1.0-57"), ".uname": b"6.1.0-test"}, "kernel 6.1.0-57, and modules"),
        ({".linux": bzimage("6.1.0-test")}, ""),
    ],
)
def test_the_kernel_of_a_unified_image_is_that_of_its_modules(
    sections: dict[str, bytes], words: str
) -> None:
    archive = Archive(Path("a.efi"), 0, entries=image().entries, sections=sections)
    reasons = [row.reason for row in unified.kernel(archive, "6.1.0-test")]
    assert len(reasons) == bool(words) and all(words in each for each in reasons)
