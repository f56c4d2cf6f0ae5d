"""The disk server, tested with the protocol of the kernel's driver."""

import mmap
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from initpy.lab.vhostuser import DiskServer

ENTRIES = 8
DESCRIPTORS, AVAILABLE, USED, REQUEST, STATUS, DATA = 0, 1024, 2048, 3072, 3200, 4096
MEMORY = 1 << 16
GUEST, FRONT = 0x6000_0000, 0x7000_0000  # address of the memory for guest and driver


class Driver:
    """The driver's end: memory shared with the server, and one queue in it."""

    def __init__(self, path: Path) -> None:
        self.channel = socket.socket(socket.AF_UNIX)
        self.channel.settimeout(10)
        self.channel.connect(str(path))
        self.file = os.memfd_create("memory")
        os.truncate(self.file, MEMORY)
        self.memory = mmap.mmap(self.file, MEMORY)
        self.kick = os.eventfd(0)
        self.interrupt, call = os.pipe()
        self.backend, other = socket.socketpair()
        self.backend.settimeout(10)
        self.queued = 0
        region = struct.pack("<IIQQQQ", 1, 0, GUEST, MEMORY, FRONT, 0)
        ring = struct.pack("<IIQQQQ", 0, 0, FRONT + DESCRIPTORS, FRONT + USED, FRONT + AVAILABLE, 0)
        self.tell(21, b"", other.fileno())
        self.tell(5, region, self.file)
        self.tell(8, struct.pack("<II", 0, ENTRIES))
        self.tell(10, struct.pack("<II", 0, 0))
        self.tell(9, ring)
        self.tell(13, struct.pack("<Q", 0), call)
        self.tell(12, struct.pack("<Q", 0), self.kick)
        os.close(call)
        other.close()

    def close(self) -> None:
        self.channel.close()
        self.backend.close()
        self.memory.close()
        for each in (self.file, self.kick, self.interrupt):
            os.close(each)

    def tell(self, request: int, payload: bytes, *fds: int) -> None:
        head = struct.pack("<III", request, 1, len(payload))
        socket.send_fds(self.channel, [head + payload], fds)

    def ask(self, request: int, payload: bytes = b"") -> bytes:
        self.tell(request, payload)
        answered, flags, size = struct.unpack("<III", self.channel.recv(12))
        assert (answered, flags) == (request, 5)
        return self.channel.recv(size)

    def do(self, kind: int, sector: int, data: bytes, writes: bool) -> tuple[int, bytes]:
        """Send one request with header, data and status."""
        self.memory[DATA : DATA + len(data)] = data
        self.memory[REQUEST : REQUEST + 16] = struct.pack("<IIQ", kind, 0, sector)
        parts = [(REQUEST, 16, 1, 1), (DATA, len(data), 3 if writes else 1, 2), (STATUS, 1, 2, 0)]
        for number, (at, size, flags, following) in enumerate(parts):
            struct.pack_into("<QIHH", self.memory, 16 * number, GUEST + at, size, flags, following)
        self.queued += 1
        struct.pack_into("<H", self.memory, AVAILABLE + 2 + 2 * self.queued, 0)
        struct.pack_into("<H", self.memory, AVAILABLE + 2, self.queued)
        os.eventfd_write(self.kick, 1)
        os.read(self.interrupt, 8)
        assert struct.unpack_from("<H", self.memory, USED + 2)[0] == self.queued
        return self.memory[STATUS], bytes(self.memory[DATA : DATA + len(data)])


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    file = tmp_path / "a.raw"
    file.write_bytes(b"".join(bytes([number]) * 512 for number in range(16)))
    return file


@pytest.fixture
def server() -> Iterator[DiskServer]:
    server = DiskServer()
    yield server
    server.close()


@pytest.fixture
def driver(server: DiskServer, disk: Path, tmp_path: Path) -> Iterator[Driver]:
    server.offer(tmp_path / "socket", disk, "a")
    with closing(Driver(tmp_path / "socket")) as driver:
        yield driver


def test_a_disk_reports_its_size_and_serial_number(driver: Driver) -> None:
    features = struct.unpack("<Q", driver.ask(1))[0]
    assert features & 1 << 32  # version 1: little-endian
    config = driver.ask(24, struct.pack("<III", 0, 8, 0) + bytes(8))
    assert struct.unpack_from("<Q", config, 12)[0] == 16
    status, serial = driver.do(8, 0, bytes(20), writes=True)
    assert (status, serial) == (0, b"a".ljust(20, b"\0"))


def test_sectors_are_read_and_written(driver: Driver, disk: Path) -> None:
    assert driver.do(0, 3, bytes(1024), writes=True) == (0, b"\3" * 512 + b"\4" * 512)
    assert driver.do(1, 5, b"x" * 512, writes=False)[0] == 0
    assert driver.do(4, 0, b"", writes=False)[0] == 0
    assert disk.read_bytes()[4 * 512 : 7 * 512] == b"\4" * 512 + b"x" * 512 + b"\6" * 512


def test_impossible_requests_are_refused(driver: Driver) -> None:
    assert driver.do(0, 15, bytes(1024), writes=True)[0] == 1  # beyond the end
    assert driver.do(11, 0, bytes(16), writes=False)[0] == 2  # discarding was not negotiated


def test_an_unplugged_disk_closes_its_connection(
    server: DiskServer, driver: Driver, tmp_path: Path
) -> None:
    driver.do(4, 0, b"", writes=False)  # it has read all requests, else this end gets a reset
    server.pull(tmp_path / "socket")
    assert driver.channel.recv(1) == b""
    assert driver.backend.recv(1) == b""
    with socket.socket(socket.AF_UNIX) as another, pytest.raises(ConnectionRefusedError):
        another.connect(str(tmp_path / "socket"))


def test_a_machine_that_restarts_connects_again(driver: Driver, disk: Path, tmp_path: Path) -> None:
    driver.channel.close()
    with closing(Driver(tmp_path / "socket")) as again:
        assert again.do(0, 1, bytes(512), writes=True) == (0, b"\1" * 512)
