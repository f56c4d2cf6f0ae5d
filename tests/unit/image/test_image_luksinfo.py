"""LUKS headers of the real cryptsetup (R28)."""

import subprocess
from pathlib import Path

import pytest

from initpy.image.formats.luksinfo import read_luks

CHEAP = ["--pbkdf-force-iterations", "1000", "--batch-mode"]


def format_volume(path: Path, *options: str) -> None:
    path.write_bytes(b"")
    with path.open("r+b") as file:
        file.truncate(20 << 20)
    command = ["cryptsetup", "luksFormat", "--pbkdf", "pbkdf2", *CHEAP, *options, str(path)]
    subprocess.run(command, input=b"correct horse", check=True, capture_output=True)


def test_the_names_in_a_luks2_header(tmp_path: Path) -> None:
    format_volume(tmp_path / "v", "--type", "luks2", "--cipher", "aes-cbc-plain64",
                  "--hash", "sha512")  # fmt: skip
    found = read_luks(tmp_path / "v")
    assert found is not None
    assert (found["version"], found["slots"]) == ("2", "0")
    # Key slots have their own cipher: --keyslot-cipher in cryptsetup-luksFormat(8).
    assert found["ciphers"].split()[0] == "aes-cbc-plain64"
    assert (found["derivation"], found["hashes"], found["tokens"]) == ("pbkdf2", "sha512", "")


def test_the_names_in_a_luks1_header(tmp_path: Path) -> None:
    format_volume(tmp_path / "v", "--type", "luks1", "--cipher", "aes-cbc-essiv:sha256")
    found = read_luks(tmp_path / "v")
    assert found is not None
    assert (found["version"], found["slots"]) == ("1", "0")
    assert found["ciphers"] == "aes-cbc-essiv:sha256"


@pytest.mark.parametrize(
    "content",
    [b"", b"LUKS\xba\xbe", b"LUKS\xba\xbe\0\2" + bytes(9000), b"LUKS\xba\xbe\0\2" + b"\xff" * 9000],
)
def test_an_incomplete_header_gives_no_names(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "v").write_bytes(content)
    assert read_luks(tmp_path / "v") is None
    assert read_luks(tmp_path / "gone") is None


def test_the_memory_that_a_key_slot_needs(tmp_path: Path) -> None:
    for pbkdf, memory in (("argon2id", "65536"), ("pbkdf2", None)):
        path = tmp_path / pbkdf
        words = ("--pbkdf-memory", "65536", "--pbkdf-force-iterations", "4") if memory else ()
        format_volume(path, "--type", "luks2", "--pbkdf", pbkdf, *words)
        found = read_luks(path)
        assert found is not None
        assert found.get("memory") == memory
