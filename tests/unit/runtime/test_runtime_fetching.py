"""Keys read from devices and programs; LUKS2 headers that are whole or not (R10, R14)."""

import asyncio
import hashlib
import struct
from pathlib import Path

import pytest

from initpy.core.actions import Drop, Fetch
from initpy.core.events import Fetched
from initpy.runtime.aside import Aside
from initpy.runtime.fetching import Fetcher, fetch
from initpy.runtime.luksheader import check


def text_of(secret: object) -> bytes:
    return bytes(secret.reveal())  # type: ignore[attr-defined]


def run(*actions: Fetch) -> list[Fetched]:
    """What the fetcher answers."""

    async def work() -> list[Fetched]:
        answers: asyncio.Queue[Fetched] = asyncio.Queue()
        fetcher = Fetcher(Aside(), answers.put_nowait)
        for each in actions:
            fetcher.start(each)
        return [await asyncio.wait_for(answers.get(), 20) for _ in actions]

    return asyncio.run(work())


def test_bytes_of_a_device(tmp_path: Path) -> None:
    device = tmp_path / "device"
    device.write_bytes(b"x" * 512 + b"the key" + b"x" * 512)
    [answer] = run(Fetch("j", 1, str(device), offset=512, size=7))
    assert text_of(answer.secret) == b"the key"


def test_a_device_that_is_too_short_or_not_there_is_said(tmp_path: Path) -> None:
    device = tmp_path / "device"
    device.write_bytes(b"short")
    [answer] = run(Fetch("j", 1, str(device), offset=3, size=64))
    assert (answer.secret, "shorter than" in answer.error) == (None, True)
    [answer] = run(Fetch("j", 1, str(tmp_path / "none")))
    assert answer.error == "No such file or directory"


def test_a_long_key_is_read_in_full(tmp_path: Path) -> None:
    device = tmp_path / "device"
    device.write_bytes(bytes(range(256)) * 1000)
    secret = fetch(Fetch("j", 1, str(device)))
    assert text_of(secret) == device.read_bytes()


def test_what_a_program_prints_is_the_key() -> None:
    [answer] = run(Fetch("j", 1, program=("/bin/sh", "-c", "printf %s/$CRYPTTAB_NAME $0", "field"),
                         environment=(("CRYPTTAB_NAME", "crypt"),)))  # fmt: skip
    assert text_of(answer.secret) == b"field/crypt"
    assert "field" not in repr(answer)


@pytest.mark.parametrize(
    ("program", "error"),
    [
        (("/bin/false",), "status 1"),
        (("/bin/true",), "it printed nothing"),
        (("/no/such",), "cannot be run: No such file or directory"),
    ],
)
def test_a_program_that_gives_no_key_is_said(program: tuple[str, ...], error: str) -> None:
    [answer] = run(Fetch("j", 1, program=program))
    assert (answer.secret, answer.error) == (None, error)


def test_a_program_that_is_not_needed_any_more_is_ended(tmp_path: Path) -> None:
    async def work() -> None:
        fetcher = Fetcher(Aside(), lambda _: pytest.fail("a dropped fetch has no answer"))
        marker = tmp_path / "pid"
        fetcher.start(Fetch("j", 1, program=("/bin/sh", "-c", f"echo $$ >{marker}; exec sleep 99")))
        while not (marker.exists() and marker.read_text().strip()):
            await asyncio.sleep(0.02)
        pid = int(marker.read_text())
        fetcher.drop(Drop("j", 1))
        while Path(f"/proc/{pid}/stat").exists():
            if Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
                break
            await asyncio.sleep(0.02)

    asyncio.run(asyncio.wait_for(work(), 20))


def test_a_header_is_kept_as_a_file_until_it_is_dropped(tmp_path: Path) -> None:
    device, kept = tmp_path / "device", tmp_path / "headers" / "crypt"
    device.write_bytes(b"header")
    (tmp_path / "headers").mkdir()

    async def work() -> None:
        answers: asyncio.Queue[Fetched] = asyncio.Queue()
        fetcher = Fetcher(Aside(), answers.put_nowait)
        fetcher.start(Fetch("j", 1, str(device), keep=str(kept)))
        assert (await answers.get()).error == ""
        assert kept.read_bytes() == b"header"
        fetcher.drop(Drop("j", 1))
        assert not kept.exists()

    asyncio.run(asyncio.wait_for(work(), 20))


SIZE = 0x4000
TEXT = b'{"config": {"keyslots_size": "4096"}}'


def header(place: int, sequence: int = 3) -> bytes:
    """One copy of a LUKS2 header; see the on-disk format specification, 2.1."""
    magic = b"SKUL\xba\xbe" if place else b"LUKS\xba\xbe"

    def packed(checksum: bytes) -> bytes:
        return struct.pack(">6sHQQ48s32s64s40s48sQ184s64s", magic, 2, SIZE, sequence, b"",
                           b"sha256", b"salt", b"uuid", b"", place, b"", checksum)  # fmt: skip

    def whole(checksum: bytes) -> bytes:
        return packed(checksum).ljust(4096, b"\0") + TEXT.ljust(SIZE - 4096, b"\0")

    return whole(hashlib.sha256(whole(b"")).digest())


def volume(tmp_path: Path, *damaged: int, second: bytes = header(SIZE)) -> str:
    data = bytearray(header(0) + second + bytes(8192))
    for place in damaged:
        data[place] ^= 0xFF
    path = tmp_path / "volume"
    path.write_bytes(data)
    return str(path)


def test_two_whole_copies_are_left_alone(tmp_path: Path) -> None:
    keep = tmp_path / "keep" / "crypt"
    assert check(volume(tmp_path), str(keep)) == ""
    assert not keep.exists()


@pytest.mark.parametrize("place", [0, 300, 5000, SIZE, SIZE + 300, SIZE + 5000])
def test_with_one_copy_damaged_both_are_copied(tmp_path: Path, place: int) -> None:
    keep, path = tmp_path / "keep" / "crypt", volume(tmp_path, place)
    assert check(path, str(keep)) == str(keep)
    assert keep.read_bytes() == Path(path).read_bytes()[: 2 * SIZE + 4096]


def test_copies_of_different_age_are_for_a_copy_too(tmp_path: Path) -> None:
    keep = tmp_path / "keep" / "crypt"
    assert check(volume(tmp_path, second=header(SIZE, 2)), str(keep)) == str(keep)


def test_two_damaged_copies_are_said(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="both copies of it are damaged"):
        check(volume(tmp_path, 300, SIZE + 300), str(tmp_path / "keep"))
