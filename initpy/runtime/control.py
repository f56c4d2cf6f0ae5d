"""Serve the control socket: commands of the shell send requests, the core decides (R24).

A connection carries one request, a line of words. The answer is a line `ok` or `no`, then text.
While the request is under way, lines `wait SECONDS` precede it. Requests:

    status | status json        show the tree
    retry                       try failed jobs again
    wait SECONDS | wait forever wait so long for root, from now on
    unlock LENGTH NAME          LENGTH bytes follow, the passphrase or key; the answer
                                comes when the attempt has ended

Only root may connect: the socket's mode is 0600.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from initpy.core.events import Event, KeyGiven, RetryAsked, WaitAsked
from initpy.core.secret import Secret

SOCKET = "/run/initpy/control"
KEY_LIMIT = 1 << 16  # bytes: the tool gets the key through a pipe, which takes so many
REQUEST_SECONDS = 10.0  # for a request to arrive as a whole
PROGRESS_SECONDS = 5.0  # between two `wait` lines
# The core answers at once, or when an attempt has ended. If it does not, the user is told so.
ANSWER_SECONDS = 10.0
UNLOCK_SECONDS = 960.0  # earlier attempts and a slow key derivation included

Answer = tuple[bool, str]  # whether the request was done, and the result in words
Status = Callable[[bool], Awaitable[str]]  # True: as JSON
Ask = Callable[[Callable[[int], Event]], Awaitable[Answer]]
EXPECTED = "expected status [json], retry, wait SECONDS|forever, or unlock LENGTH NAME"


async def serve(status: Status, ask: Ask, path: str = SOCKET) -> asyncio.Server:
    """Answer requests; `ask` gets a function from request number to event. Raises OSError."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            done, text = await _told(_answer(reader, status, ask), writer)
        except ConnectionError:
            writer.close()  # the user has hung up
            return
        except (ValueError, TimeoutError, asyncio.IncompleteReadError) as error:
            done, text = False, f"not understood ({error}); {EXPECTED}"  # or hung up
        writer.write(f"{'ok' if done else 'no'}\n{text}\n".encode(errors="replace"))
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    if os.path.exists(path):
        os.unlink(path)  # of an engine that died
    return await asyncio.start_unix_server(answer, sock=_bound(path))


def _bound(path: str) -> socket.socket:
    """Return a socket there for root only.

    No other code runs in between: a child that is forked while the mask is set keeps it, and makes
    folders that no user but root may enter.
    """
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        bound.bind(path)
    except OSError:
        bound.close()
        raise
    finally:
        os.umask(before)
    return bound


async def _told(work: Coroutine[Any, Any, Answer], writer: asyncio.StreamWriter) -> Answer:
    """Do the work and tell the user now and then that it goes on; return its answer.

    Raises ConnectionError if the user hangs up, and cancels the work. Raises its exceptions.
    """
    task = asyncio.ensure_future(work)
    began = asyncio.get_running_loop().time()
    try:
        while not (await asyncio.wait((task,), timeout=PROGRESS_SECONDS))[0]:
            waited = asyncio.get_running_loop().time() - began
            writer.write(f"wait {waited:.0f}\n".encode())
            await writer.drain()
    finally:
        task.cancel()  # no effect once it is done
    return task.result()


async def _answer(reader: asyncio.StreamReader, status: Status, ask: Ask) -> Answer:
    async with asyncio.timeout(REQUEST_SECONDS):
        line = (await reader.readline()).decode(errors="surrogateescape").rstrip("\n")
    word, _, rest = line.partition(" ")
    if word == "status" and rest in ("", "json"):
        return True, await status(rest == "json")
    if word == "retry" and not rest:
        return await _within(ANSWER_SECONDS, ask(RetryAsked))
    if word == "wait" and rest:
        seconds = None if rest == "forever" else float(rest)
        if seconds is not None and not 0 < seconds < 1e9:
            raise ValueError(rest)
        return await _within(ANSWER_SECONDS, ask(lambda request: WaitAsked(request, seconds)))
    if word == "unlock" and rest:
        length, _, volume = rest.partition(" ")
        if not 0 < int(length) <= KEY_LIMIT:
            raise ValueError(f"a key of {length} bytes")
        async with asyncio.timeout(REQUEST_SECONDS):
            secret = Secret(await reader.readexactly(int(length)))
        return await _within(UNLOCK_SECONDS, ask(lambda request: KeyGiven(request, volume, secret)))
    raise ValueError(repr(line[:40]))


async def _within(seconds: float, answer: Awaitable[Answer]) -> Answer:
    """Return the core's answer, or one that says that none came."""
    try:
        return await asyncio.wait_for(answer, seconds)
    except TimeoutError:
        return False, (
            f"the request was made, but has no result after {seconds:.0f} s; `initpy status` shows"
            " the present state"
        )
