"""The control socket: commands of the shell ask here, and the core decides (R24).

One request a connection, a line of words; the answer is a line `ok` or `no`, then text:

    status | status json        the tree
    retry                       what has failed is tried again
    wait SECONDS | wait forever root is waited for so long from now
    unlock LENGTH NAME          and LENGTH bytes, the passphrase or key; answered when it
                                was tried

Only root may connect: the socket's mode is 0600.
"""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable

from initpy.core.events import Event, KeyGiven, RetryAsked, WaitAsked
from initpy.core.secret import Secret

SOCKET = "/run/initpy/control"
KEY_LIMIT = 1 << 16  # bytes: what a pipe takes, through which the tool gets it

Status = Callable[[bool], Awaitable[str]]  # True: as JSON
Ask = Callable[[Callable[[int], Event]], Awaitable[tuple[bool, str]]]
EXPECTED = "expected status [json], retry, wait SECONDS|forever, or unlock LENGTH NAME"


async def serve(status: Status, ask: Ask, path: str = SOCKET) -> asyncio.Server:
    """Answer requests. `ask` makes an event of its number. Raises OSError (a full /run)."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            done, text = await _answer(reader, status, ask)
        except (ConnectionError, ValueError, asyncio.IncompleteReadError) as error:
            done, text = False, f"not understood ({error}); {EXPECTED}"  # or hung up
        writer.write(f"{'ok' if done else 'no'}\n{text}\n".encode(errors="replace"))
        with contextlib.suppress(ConnectionError):  # a person who does not wait for the answer
            await writer.drain()
        writer.close()

    if os.path.exists(path):
        os.unlink(path)  # of an engine that died
    before = os.umask(0o177)
    try:
        return await asyncio.start_unix_server(answer, path)
    finally:
        os.umask(before)


async def _answer(reader: asyncio.StreamReader, status: Status, ask: Ask) -> tuple[bool, str]:
    line = (await reader.readline()).decode(errors="surrogateescape").rstrip("\n")
    word, _, rest = line.partition(" ")
    if word == "status" and rest in ("", "json"):
        return True, await status(rest == "json")
    if word == "retry" and not rest:
        return await ask(RetryAsked)
    if word == "wait" and rest:
        seconds = None if rest == "forever" else float(rest)
        if seconds is not None and not 0 < seconds < 1e9:
            raise ValueError(rest)
        return await ask(lambda request: WaitAsked(request, seconds))
    if word == "unlock" and rest:
        length, _, volume = rest.partition(" ")
        if not 0 < int(length) <= KEY_LIMIT:
            raise ValueError(f"a key of {length} bytes")
        secret = Secret(await reader.readexactly(int(length)))
        return await ask(lambda request: KeyGiven(request, volume, secret))
    raise ValueError(repr(line[:40]))
