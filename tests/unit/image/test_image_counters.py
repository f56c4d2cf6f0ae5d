"""Boot entries with counters in their names: new ones get tries, unchanged ones keep theirs."""

import argparse
from pathlib import Path

import pytest

from initpy.cli.content import configure_content, requested
from initpy.config.errors import InputError
from initpy.image.build import counters
from initpy.image.build.place import claim, remove
from initpy.image.build.request import BuildRequest
from initpy.image.build.uki import recovery_release


def put(output: Path, content: bytes, tries: int, keep: int = 0) -> Path:
    with claim(output) as here:
        here.file.write(content)
        return here.put_entry_in_place(0o644, keep, tries)[1]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def entry(tmp_path: Path) -> Path:
    folder = tmp_path / "EFI" / "Linux"
    folder.mkdir(parents=True)
    return folder / "initpy-6.1.efi"


def test_a_new_entry_has_its_tries(entry: Path) -> None:
    assert put(entry, b"1", 3).name == "initpy-6.1+3.efi"
    assert names(entry.parent) == ["initpy-6.1+3.efi"]


@pytest.mark.parametrize(
    "old", ["initpy-6.1.efi", "initpy-6.1+2-1.efi", "initpy-6.1+0-3.efi", "initpy-6.1+1.efi"]
)
def test_it_takes_the_place_of_the_old_one_whatever_its_counters(entry: Path, old: str) -> None:
    entry.with_name(old).write_bytes(b"old")
    entry.with_name("initpy-6.12+1.efi").write_bytes(b"another kernel's")
    put(entry, b"new", 3, keep=1)
    assert names(entry.parent) == ["initpy-6.1+3.efi", "initpy-6.1.efi.old", "initpy-6.12+1.efi"]
    assert entry.with_name("initpy-6.1.efi.old").read_bytes() == b"old"


@pytest.mark.parametrize("old", ["initpy-6.1.efi", "initpy-6.1+0-3.efi"])
def test_an_unchanged_entry_keeps_its_counters(entry: Path, old: str) -> None:
    """A good one is not to be counted again; a bad one is as bad as it was."""
    entry.with_name(old).write_bytes(b"same")
    assert put(entry, b"same", 3, keep=1).name == old
    assert names(entry.parent) == [old]


def test_without_tries_counters_go(entry: Path) -> None:
    entry.with_name("initpy-6.1+0-3.efi").write_bytes(b"old")
    assert put(entry, b"new", 0) == entry
    assert names(entry.parent) == ["initpy-6.1.efi"]


def test_of_several_files_of_an_entry_one_is_left(entry: Path) -> None:
    for name in ("initpy-6.1.efi", "initpy-6.1+3.efi", "initpy-6.1+0-1.efi"):
        entry.with_name(name).write_bytes(name.encode())
    put(entry, b"new", 3)
    assert names(entry.parent) == ["initpy-6.1+3.efi"]


def test_removal_takes_all(entry: Path) -> None:
    put(entry, b"1", 3)
    put(entry, b"2", 3, keep=1)
    remove(entry)
    assert names(entry.parent) == []


def test_only_what_loaders_take_for_an_entry_is_one(tmp_path: Path) -> None:
    assert counters.is_entry(Path("/efi/EFI/Linux/a.efi"))
    assert counters.is_entry(Path("/boot/efi/efi/linux/A.EFI"))
    for path in ("/boot/a.efi", "/efi/EFI/Linux/a.img", "/efi/EFI/Linux/deeper/a.efi"):
        assert not counters.is_entry(Path(path))


def test_kernel_install_s_file_tells_the_tries(tmp_path: Path) -> None:
    file = tmp_path / "tries"
    assert counters.configured(file) == 0
    file.write_text("3\n")
    assert counters.configured(file) == 3
    file.write_text("three\n")
    with pytest.raises(InputError, match=r"tries: 'three': expected a number of tries"):
        counters.configured(file)


def test_the_recovery_entry_comes_last_and_says_so() -> None:
    text = recovery_release(b'ID=debian\nPRETTY_NAME="Debian 12"\nIMAGE_ID=x\n')
    assert text.splitlines() == [
        b"ID=debian",
        b"IMAGE_ID=zz-recovery",
        b'PRETTY_NAME="Debian 12 (recovery)"',
    ]


def request(*words: str) -> BuildRequest:
    parser = argparse.ArgumentParser()
    configure_content(parser)
    arguments = parser.parse_args(["--linux", "/vmlinuz", "--cmdline", "ro", "--uki", *words])
    return requested(argparse.Namespace(**{**vars(arguments), "portable": True, "root": None}))


@pytest.mark.parametrize(
    ("words", "tries"),
    [(("--output", "/efi/EFI/Linux/a.efi"), 3), (("--output", "/boot/a.efi"), None),
     (("--output", "/efi/EFI/Linux/a.efi", "--tries", "5"), 5),
     (("--output", "/efi/EFI/Linux/a.efi", "--tries", "0"), 0),
     (("--output", "/efi/EFI/Linux/a.efi", "--recovery"), 0)],
)  # fmt: skip
def test_an_entry_gets_the_tries_of_the_machine(
    words: tuple[str, ...], tries: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counters, "configured", lambda: 3)
    assert request(*words).tries == tries


@pytest.mark.parametrize(
    "words",
    [("--tries", "3"), ("--output", "/efi/EFI/Linux/a.efi", "--tries", "-1"),
     ("--output", "/efi/EFI/Linux/a.efi", "--tries", "2", "--recovery")],
)  # fmt: skip
def test_tries_that_make_no_sense_are_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="--tries"):
        request(*words)


def test_a_recovery_entry_ends_in_a_shell_and_has_tools() -> None:
    made = request("--recovery", "--kernel", "6.1.0-1")
    assert made.output == Path("/boot/initpy-recovery-6.1.0-1.efi")
    assert made.uki is not None
    assert made.uki.cmdline == "ro initpy.recovery"
    assert b"(recovery)" in made.uki.os_release
    assert any(path.name == "recovery.toml" for path in made.jobs)
