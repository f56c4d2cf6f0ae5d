"""Carry out the core's actions on the network and bring it what happens there."""

import asyncio
import ctypes
import errno
import socket
import struct
from collections.abc import Callable, Coroutine
from functools import partial

from initpy.core.devices.graph import Device
from initpy.core.events import Event
from initpy.core.netsettings import VirtualLink
from initpy.core.network.actions import (
    AcceptRouters,
    Configure,
    JoinLink,
    MakeLink,
    NameHost,
    NetworkAction,
    RemoveLink,
    RenameLink,
    Resolve,
    SendDhcp,
    StopDhcp,
    SwitchLink,
)
from initpy.core.network.events import (
    DhcpMalformed,
    DhcpReceived,
    LinkConfigured,
    LinkJoined,
    LinkMade,
    Resolved,
)
from initpy.runtime.aside import Aside, answered_within
from initpy.runtime.net import kernel, wire
from initpy.runtime.net.links import LinkMonitor

ETH_P_IP = 0x0800
BROADCAST = b"\xff" * 6
SO_ATTACH_FILTER = 26
LIMIT = 30.0  # seconds for a call to the kernel: a driver may wait for its firmware
RESOLVE_LIMIT = 20.0
SETTLING = 2.0
AT_ONCE = 16  # messages, before other work has its turn
# Datagrams to port 68 alone, for bpf(2)'s classic form: code, jump if true, if false, operand
# (linux/filter.h). A packet begins with its IP header.
_FILTER = (
    (0x30, 0, 0, 9),  # A = protocol
    (0x15, 0, 6, wire.UDP),
    (0x28, 0, 0, 6),  # A = fragment
    (0x45, 4, 0, 0x1FFF),
    (0xB1, 0, 0, 0),  # X = length of the header
    (0x48, 0, 0, 2),  # A = port
    (0x15, 0, 1, wire.CLIENT_PORT),
    (0x06, 0, 0, 0xFFFF),
    (0x06, 0, 0, 0),
)


class Network:
    """Links, DHCP sockets and the calls that are under way."""

    def __init__(
        self, aside: Aside, take: Callable[[Event], None], say: Callable[[str], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._aside, self._take, self._say = aside, take, say
        self._links = LinkMonitor(take)
        self._sockets: dict[str, socket.socket] = {}
        self._macs: dict[str, str] = {}
        # What is done with a link is done in its order.
        self._last: dict[str, asyncio.Task[None]] = {}
        self._count = 0

    def present(self) -> tuple[Device, ...]:
        """Return the links that udev has finished with so far."""
        return self._links.present()

    def look(self) -> None:
        """Tell what has changed without an event."""
        self._links.look()

    def has(self, subject: str | None) -> bool:
        """Return whether a subject is a link that is there."""
        return self._links.has(subject)

    async def settled(self) -> None:
        """Wait a moment for what was begun: links that are set down at the end."""
        if self._last:
            await asyncio.wait(set(self._last.values()), timeout=SETTLING)

    def act(self, action: NetworkAction) -> None:
        """Carry an action out."""
        match action:
            case SwitchLink(link, up, mac):
                self._then(link, self._switch(link, up, mac))
            case RenameLink(link, name, otherwise):
                self._then(link, self._rename(link, name, otherwise))
            case MakeLink(made):
                self._then(made.name, self._make(made))
            case JoinLink(link, master, bond):
                self._then(master, self._join(link, master, bond))
            case RemoveLink(link):
                self._then(link, self._remove(link))
            case AcceptRouters(link):
                self._then(link, self._accept_routers(link))
            case NameHost(name):
                self._then("host name", self._name_host(name))
            case Configure(link, number, config, version):
                routes = tuple((each.target, each.gateway) for each in config.routes)
                call = partial(
                    kernel.configure, link, config.addresses, routes, config.mtu, version
                )
                self._then(link, self._configure(link, number, call))
            case SendDhcp():
                self._send(action)
            case StopDhcp(link):
                self._close(link)
            case Resolve(host):
                self._then(f"host {host}", self._resolve(host))

    # Calls to the kernel, in children

    def _then(self, key: str, work: Coroutine[object, object, None]) -> None:
        before = self._last.get(key)

        async def after() -> None:
            if before is not None:
                await asyncio.wait({before})
            await work

        task = self._last[key] = self._loop.create_task(after())
        task.add_done_callback(partial(self._done, key))

    def _done(self, key: str, task: "asyncio.Task[None]") -> None:
        if self._last.get(key) is task:
            del self._last[key]
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error  # a bug: the engine ends, and another one starts

    async def _call(self, call: Callable[[], object], limit: float) -> tuple[object, str]:
        """Return what a child's call returned, and why it failed."""
        self._count += 1
        answer = self._aside.ask(f"network {self._count}", call, limit)
        if not await answered_within(limit + 5.0, answer):
            return None, "the kernel does not answer"
        found = answer.result()
        return found.value, found.error

    async def _switch(self, link: str, up: bool, mac: str) -> None:
        problem, error = await self._call(partial(kernel.switch, link, up, mac), LIMIT)
        if problem:
            self._say(f"initpy: {link}: {problem}")
        if error:
            self._say(f"initpy: {link} cannot be switched {'on' if up else 'off'}: {error}")
        self._links.look()

    async def _rename(self, link: str, name: str, otherwise: str) -> None:
        _, error = await self._call(partial(kernel.rename, link, name, otherwise), LIMIT)
        if error:
            self._say(f"initpy: {link} cannot be renamed to {name}: {error}")
            self._links.tell_again(link)
        self._links.look()

    async def _make(self, link: VirtualLink) -> None:
        from initpy.runtime.net import virtual  # most boots make none

        _, error = await self._call(partial(virtual.make, link), LIMIT)
        self._links.look()
        self._take(LinkMade(link.name, error))

    async def _join(self, link: str, master: str, bond: bool) -> None:
        from initpy.runtime.net import virtual

        _, error = await self._call(partial(virtual.join, link, master, bond), LIMIT)
        self._links.look()
        self._take(LinkJoined(link, master, error))

    async def _remove(self, link: str) -> None:
        from initpy.runtime.net import virtual

        _, error = await self._call(partial(virtual.remove, link), LIMIT)
        if error:
            self._say(f"initpy: {link} cannot be removed: {error}")
        self._links.look()

    async def _accept_routers(self, link: str) -> None:
        _, error = await self._call(partial(kernel.accept_routers, link), LIMIT)
        if error:
            self._say(f"initpy: {link} takes no router advertisements: {error}")
        self._links.look()

    async def _name_host(self, name: str) -> None:
        _, error = await self._call(partial(kernel.name_host, name), LIMIT)
        if error:
            self._say(f"initpy: the machine cannot be named {name}: {error}")

    async def _configure(self, link: str, number: int, call: Callable[[], object]) -> None:
        value, error = await self._call(call, LIMIT)
        for problem in value if isinstance(value, list) else ():
            self._say(f"initpy: {link}: {problem}")
        self._take(LinkConfigured(link, number, error))

    async def _resolve(self, host: str) -> None:
        value, error = await self._call(partial(kernel.resolve, host), RESOLVE_LIMIT)
        self._take(Resolved(host, tuple(value) if isinstance(value, list) else (), error))

    # DHCP

    def _send(self, action: SendDhcp) -> None:
        link, request = action
        try:
            opened = self._sockets.get(link) or self._open(link)
            message = wire.encode(request, self._macs[link])
            packet = wire.datagram(message, request.client or "0.0.0.0")
            opened.sendto(packet, (link, ETH_P_IP, 0, 0, BROADCAST))
        except OSError as error:
            # A link that has just gone down is told of; anything else is sent again.
            if error.errno not in (errno.ENETDOWN, errno.ENXIO, errno.ENODEV, errno.ENOBUFS):
                self._say(f"initpy: {link}: cannot ask for a lease: {error.strerror}")

    def _open(self, link: str) -> socket.socket:
        made = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, 0)
        try:
            _filter(made)
            made.bind((link, ETH_P_IP))
            with open(f"/sys/class/net/{link}/address", encoding="ascii") as file:
                self._macs[link] = file.read().strip()
        except OSError:
            made.close()
            raise
        self._sockets[link] = made
        self._loop.add_reader(made.fileno(), self._readable, link, made)
        return made

    def _close(self, link: str) -> None:
        if (found := self._sockets.pop(link, None)) is not None:
            self._loop.remove_reader(found.fileno())
            found.close()

    def _readable(self, link: str, opened: socket.socket) -> None:
        for _ in range(AT_ONCE):
            try:
                packet = opened.recv(1 << 16)
            except BlockingIOError:
                return
            except OSError:
                self._close(link)  # the link is gone, or down
                return
            payload = wire.payload_of(packet)
            if payload is None:
                continue
            try:
                reply = wire.decode(payload, self._macs[link])
            except wire.MalformedError as error:
                self._take(DhcpMalformed(link, str(error)))
                continue
            if reply is not None:
                self._take(DhcpReceived(link, reply))
            if self._sockets.get(link) is not opened:
                return  # the core has heard enough


def _filter(made: socket.socket) -> None:
    code = b"".join(struct.pack("=HBBI", *each) for each in _FILTER)
    kept = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("@HP", len(_FILTER), ctypes.addressof(kept))
    made.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
