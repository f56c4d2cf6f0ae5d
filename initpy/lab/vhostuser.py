"""Serves disk files to a machine as virtio block devices over vhost-user sockets.

User Mode Linux has a virtio driver for such sockets. The server of QEMU's tools gives all disks
the same serial number, so that udev and scenarios cannot distinguish them. This server gives each
disk its own, and can unplug a disk in use.

Sources: QEMU's docs/interop/vhost-user.rst (messages), the Virtual I/O Device specification 1.2
(sections 2.7, split virtqueues, and 5.2, block devices), the kernel's arch/um/drivers/virtio_uml.c.
"""

import array
import mmap
import os
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue

SECTOR = 512

_HEADER = struct.Struct("<III")  # request, flags, size of the payload
_REPLY = 0x1 | 0x4  # version 1, is a reply
_REGION = struct.Struct("<QQQQ")  # guest address, size, front end's address, offset in the file
_RING_ADDRESSES = struct.Struct("<IIQQQQ")  # index, flags, descriptors, used, available, log
_DESCRIPTOR = struct.Struct("<QIHH")  # address, length, flags, next
_REQUEST = struct.Struct("<IIQ")  # type, priority, sector

_FLUSH, _VERSION_1, _PROTOCOL = 1 << 9, 1 << 32, 1 << 30
_FEATURES = _FLUSH | _VERSION_1 | _PROTOCOL
_BACKEND_CHANNEL, _CONFIG = 1 << 5, 1 << 9
_NO_DESCRIPTOR = 1 << 8
_NEXT, _WRITE = 1, 2
_NO_INTERRUPT = 1
_DONE, _FAILED, _UNSUPPORTED = 0, 1, 2
_LONGEST_SERIAL = 20


class _Message(IntEnum):
    """The requests of the front end that this server handles."""

    GET_FEATURES = 1
    SET_MEM_TABLE = 5
    SET_VRING_NUM = 8
    SET_VRING_ADDR = 9
    SET_VRING_BASE = 10
    GET_VRING_BASE = 11
    SET_VRING_KICK = 12
    SET_VRING_CALL = 13
    GET_PROTOCOL_FEATURES = 15
    GET_QUEUE_NUM = 17
    SET_BACKEND_REQ_FD = 21
    GET_CONFIG = 24


class _Kind(IntEnum):
    """Types of a block request."""

    IN = 0
    OUT = 1
    FLUSH = 4
    GET_ID = 8


@dataclass(frozen=True, slots=True)
class _Region:
    """A region of the machine's memory, mapped into this process."""

    guest: int
    size: int
    front: int
    memory: memoryview


@dataclass(slots=True)
class _Disk:
    """One connected disk: the machine's memory, the virtqueue in it, and its read position."""

    file: int
    serial: str
    channel: socket.socket
    rate: int | None = None
    regions: list[_Region] = field(default_factory=list)
    entries: int = 0
    descriptors: int = 0  # this and the next two: addresses in the front end's memory
    available: int = 0
    used: int = 0
    taken: int = 0  # requests, modulo 2 ** 16
    kick: int = -1
    call: int = -1
    backend: int = -1

    def answer(self, request: int, payload: bytes, fds: list[int]) -> None:
        """Handle a message of the front end. Raises ValueError if it is malformed."""
        match request:
            case _Message.GET_FEATURES:
                self._reply(request, struct.pack("<Q", _FEATURES))
            case _Message.GET_PROTOCOL_FEATURES:
                self._reply(request, struct.pack("<Q", _BACKEND_CHANNEL | _CONFIG))
            case _Message.GET_QUEUE_NUM:
                self._reply(request, struct.pack("<Q", 1))
            case _Message.GET_CONFIG:
                self._reply(request, self._configuration(payload))
            case _Message.GET_VRING_BASE:
                self._reply(request, struct.pack("<II", 0, self.taken))
            case _Message.SET_MEM_TABLE:
                self._map(payload, fds)
            case _Message.SET_VRING_NUM:
                self.entries = struct.unpack_from("<II", payload)[1]
            case _Message.SET_VRING_BASE:
                self.taken = struct.unpack_from("<II", payload)[1]
            case _Message.SET_VRING_ADDR:
                _, _, self.descriptors, self.used, self.available, _ = _RING_ADDRESSES.unpack_from(
                    payload
                )
            case _Message.SET_VRING_KICK if not _without_descriptor(payload):
                self.kick = fds.pop()
            case _Message.SET_VRING_CALL if not _without_descriptor(payload):
                self.call = fds.pop()
            case _Message.SET_BACKEND_REQ_FD:
                self.backend = fds.pop()
        for each in fds:
            os.close(each)

    def _reply(self, request: int, payload: bytes) -> None:
        self.channel.sendall(_HEADER.pack(request, _REPLY, len(payload)) + payload)

    def _configuration(self, payload: bytes) -> bytes:
        """Return the device's configuration space (5.2.4): only its capacity was negotiated."""
        offset, size, flags = struct.unpack_from("<III", payload)
        capacity = os.fstat(self.file).st_size // SECTOR
        space = struct.pack("<Q", capacity).ljust(offset + size, b"\0")
        return struct.pack("<III", offset, size, flags) + space[offset : offset + size]

    def _map(self, payload: bytes, fds: list[int]) -> None:
        self._unmap()
        (count,) = struct.unpack_from("<I", payload)
        for number in range(count):
            guest, size, front, offset = _REGION.unpack_from(payload, 8 + number * _REGION.size)
            mapped = mmap.mmap(fds[number], offset + size)
            self.regions.append(_Region(guest, size, front, memoryview(mapped)[offset:]))

    def _unmap(self) -> None:
        for region in self.regions:
            region.memory.release()
        self.regions.clear()

    def _guest(self, address: int, length: int) -> memoryview:
        return self._memory(address, length, lambda region: region.guest)

    def _front(self, address: int, length: int) -> memoryview:
        return self._memory(address, length, lambda region: region.front)

    def _memory(self, address: int, length: int, begin: Callable[[_Region], int]) -> memoryview:
        for region in self.regions:
            start = address - begin(region)
            if start >= 0 and start + length <= region.size:
                return region.memory[start : start + length]
        raise ValueError(f"no memory of the machine is at {address:#x}")

    def serve(self) -> None:
        """Process all queued requests. Raises ValueError if the queue is malformed."""
        os.read(self.kick, 8)
        available = self._front(self.available, 4 + 2 * self.entries)
        used = self._front(self.used, 4 + 8 * self.entries)
        done = False
        while self.taken != struct.unpack_from("<H", available, 2)[0]:
            (head,) = struct.unpack_from("<H", available, 4 + 2 * (self.taken % self.entries))
            written = self._do(list(self._chain(head)))
            struct.pack_into("<II", used, 4 + 8 * (self.taken % self.entries), head, written)
            self.taken = (self.taken + 1) % (1 << 16)
            # Write the index after the entry: x86 keeps the order of stores.
            struct.pack_into("<H", used, 2, self.taken)
            done = True
        if done and not struct.unpack_from("<H", available)[0] & _NO_INTERRUPT:
            os.write(self.call, struct.pack("<Q", 1))

    def _chain(self, head: int) -> Iterator[tuple[memoryview, bool]]:
        """Yield the parts of a request in order, and whether the device writes them."""
        for _ in range(self.entries):
            at = self.descriptors + head * _DESCRIPTOR.size
            raw = self._front(at, _DESCRIPTOR.size)
            address, length, flags, following = _DESCRIPTOR.unpack(raw)
            yield self._guest(address, length), bool(flags & _WRITE)
            if not flags & _NEXT:
                return
            head = following

    def _do(self, parts: list[tuple[memoryview, bool]]) -> int:
        """Process a request; return how many bytes of the machine's memory it wrote."""
        if len(parts) < 2 or len(parts[0][0]) < _REQUEST.size:
            raise ValueError("a request without a header or a status byte")
        kind, _, sector = _REQUEST.unpack_from(parts[0][0])
        data = [part for part, _ in parts[1:-1]]
        status, written = parts[-1][0], sum(len(part) for part, writes in parts if writes)
        try:
            status[0] = self._transfer(kind, data, sector * SECTOR)
        except OSError:
            status[0] = _FAILED
        return written

    def _transfer(self, kind: int, data: list[memoryview], offset: int) -> int:
        match kind:
            case _Kind.IN:
                moved = os.preadv(self.file, data, offset)
            case _Kind.OUT:
                moved = os.pwritev(self.file, data, offset)
            case _Kind.GET_ID:
                data[0][:_LONGEST_SERIAL] = self.serial.encode().ljust(_LONGEST_SERIAL, b"\0")
                return _DONE
            case _Kind.FLUSH:
                return _DONE  # written data in the host's cache is good enough here
            case _:
                return _UNSUPPORTED
        if self.rate is not None:
            time.sleep(moved / self.rate)
        return _DONE if moved == sum(map(len, data)) else _FAILED

    def cut(self) -> None:
        """Close the connection, so that the machine loses the disk."""
        self.channel.close()
        if self.backend >= 0:
            os.close(self.backend)
            self.backend = -1

    def free(self) -> None:
        """Release all resources after the machine's end."""
        self.cut()
        self._unmap()
        for descriptor in (self.kick, self.call):
            if descriptor >= 0:
                os.close(descriptor)


def _without_descriptor(payload: bytes) -> bool:
    return bool(struct.unpack_from("<Q", payload)[0] & _NO_DESCRIPTOR)


class DiskServer:
    """Serves disks in its own thread until it is closed."""

    def __init__(self, rate: int | None = None) -> None:
        """`rate`: bytes per second that its disks read and write; None: as fast as they can."""
        self._rate = rate
        self._selector = selectors.DefaultSelector()
        self._orders: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._wake = os.eventfd(0)
        self._selector.register(self._wake, selectors.EVENT_READ, self._obey)
        self._disks: dict[Path, list[_Disk]] = {}
        self._files: list[int] = []
        self._listeners: dict[Path, socket.socket] = {}
        self._ends = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def offer(self, path: Path, disk: Path, serial: str) -> None:
        """Listen at `path` for a machine; on return the machine can connect."""
        file = os.open(disk, os.O_RDWR)
        self._files.append(file)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()
        self._order(partial(self._listen, path, listener, file, serial))

    def pull(self, path: Path) -> None:
        """Unplug the disk that was offered at `path`."""
        self._order(partial(self._cut, path))

    def close(self) -> None:
        """End the thread and all connections."""
        self._order(self._end)
        self._thread.join()
        for disk in (each for disks in self._disks.values() for each in disks):
            disk.free()
        for listener in self._listeners.values():
            listener.close()
        for file in (*self._files, self._wake):
            os.close(file)
        self._selector.close()

    def _order(self, order: Callable[[], None]) -> None:
        self._orders.put(order)
        os.eventfd_write(self._wake, 1)

    def _obey(self) -> None:
        os.eventfd_read(self._wake)
        with suppress(Empty):
            while True:
                self._orders.get_nowait()()

    def _end(self) -> None:
        self._ends = True

    def _listen(self, path: Path, listener: socket.socket, file: int, serial: str) -> None:
        self._listeners[path] = listener
        accept = partial(self._accept, path, file, serial)
        self._selector.register(listener, selectors.EVENT_READ, accept)

    def _accept(self, path: Path, file: int, serial: str) -> None:
        channel, _ = self._listeners[path].accept()
        disk = _Disk(file, serial, channel, self._rate)
        self._disks.setdefault(path, []).append(disk)
        self._selector.register(channel, selectors.EVENT_READ, partial(self._hear, disk))

    def _cut(self, path: Path) -> None:
        listener = self._listeners.pop(path, None)
        if listener is not None:
            self._selector.unregister(listener)
            listener.close()
        for disk in self._disks.get(path, ()):
            self._leave(disk)

    def _leave(self, disk: _Disk) -> None:
        for each in (disk.channel, disk.kick):
            with suppress(KeyError, ValueError):
                self._selector.unregister(each)
        # Keep the pipe for interrupts: User Mode Linux would read its end as endless interrupts.
        disk.cut()

    def _hear(self, disk: _Disk) -> None:
        message = _receive(disk.channel)
        if message is None:
            self._leave(disk)
            return
        before = disk.kick
        disk.answer(*message)
        if disk.kick != before:
            if before >= 0:  # the driver was bound again
                self._selector.unregister(before)
                os.close(before)
            self._selector.register(disk.kick, selectors.EVENT_READ, partial(self._serve, disk))

    def _serve(self, disk: _Disk) -> None:
        try:
            disk.serve()
        except BrokenPipeError:
            self._leave(disk)  # the machine has ended

    def _run(self) -> None:
        while not self._ends:
            for key, _ in self._selector.select():
                if key.fd in self._selector.get_map():  # an earlier event may have removed it
                    key.data()


def _receive(channel: socket.socket) -> tuple[int, bytes, list[int]] | None:
    """Return a message and its descriptors; None at the end of the connection."""
    try:
        head, fds = _with_descriptors(channel, _HEADER.size)
        if len(head) < _HEADER.size:
            return None
        request, _, size = _HEADER.unpack(head)
        payload = b""
        while len(payload) < size:
            more = channel.recv(size - len(payload))
            if not more:
                return None
            payload += more
    except ConnectionError:
        return None
    return request, payload, fds


def _with_descriptors(channel: socket.socket, size: int) -> tuple[bytes, list[int]]:
    fds = array.array("i")
    space = socket.CMSG_SPACE(8 * fds.itemsize)
    data, ancillary, _, _ = channel.recvmsg(size, space, socket.MSG_CMSG_CLOEXEC)
    for level, kind, content in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
    return data, list(fds)
