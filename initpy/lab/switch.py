"""Connects the network cards of the lab's machines: one hub for each card under test.

A card is a socket in the folder of the machine, and each packet on it is an Ethernet frame. User
Mode Linux connects to `NAME` (the transport `bess` of its vector device, of type SOCK_SEQPACKET)
when the card is switched on; QEMU sends datagrams to `NAME.hub` and gets them at `NAME.qemu`.
"""

import os
import selectors
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

_FRAME = 65536  # bytes at most; a card may leave segmentation to the other
_BUFFER = 4 << 20


class Switch:
    """The hubs, and the thread that forwards frames; `close` ends it."""

    def __init__(self, folder: Path, names: Mapping[str, str]) -> None:
        """Have a hub for each of the names; the values are names of the same hub."""
        self._hub = {name: same or name for name, same in names.items()}
        self._selector = selectors.DefaultSelector()
        self._ports: dict[str, list[socket.socket]] = {}
        self._distant: dict[socket.socket, str] = {}  # of QEMU: where it gets its frames
        for name in names:
            self._ports[name] = []
            listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            listening.bind(str(folder / name))
            listening.listen()
            self._selector.register(listening, selectors.EVENT_READ, (name, True))
            hub = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            hub.bind(str(folder / f"{name}.hub"))
            self._distant[hub] = str(folder / f"{name}.qemu")
            self._add(name, hub)
        waiting, self._wakeup = os.pipe()
        self._selector.register(waiting, selectors.EVENT_READ, ("", False))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread and close all sockets."""
        os.write(self._wakeup, b"\0")
        self._thread.join()
        os.close(self._wakeup)
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
            else:
                os.close(key.fd)
        self._selector.close()

    def _add(self, name: str, port: socket.socket) -> None:
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            port.setsockopt(socket.SOL_SOCKET, option, _BUFFER)
        self._ports[name].append(port)
        self._selector.register(port, selectors.EVENT_READ, (name, False))

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                name, listening = key.data
                if not name:
                    return
                assert isinstance(key.fileobj, socket.socket)
                if listening:
                    port, _address = key.fileobj.accept()
                    port.setblocking(False)
                    self._add(name, port)
                else:
                    self._forward(name, key.fileobj)

    def _forward(self, name: str, port: socket.socket) -> None:
        try:
            frame = port.recv(_FRAME)
        except BlockingIOError:
            return
        except OSError:
            frame = b""
        if not frame and port not in self._distant:  # the card was switched off
            self._selector.unregister(port)
            self._ports[name].remove(port)
            port.close()
            return
        hub = self._hub[name]
        together = (ports for other, ports in self._ports.items() if self._hub[other] == hub)
        for each in (each for ports in together for each in ports):
            if each is not port:
                # A frame that a card has no room for is lost, as on a cable.
                with suppress(OSError):
                    if each in self._distant:
                        each.sendto(frame, self._distant[each])
                    else:
                        each.send(frame)
