"""The control socket: commands of the shell ask here, and the core decides (R24).

One request a connection, a line of words; the answer is a line `ok` or `no`, then text. Lines
`wait SECONDS` come before it while the request is under way:

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
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from initpy.core.events import Event, KeyGiven, RetryAsked, WaitAsked
from initpy.core.secret import Secret

SOCKET = "/run/initpy/control"
KEY_LIMIT = 1 << 16  # bytes: what a pipe takes, through which the tool gets it
REQUEST_SECONDS = 10.0  # for a request to arrive as a whole
PROGRESS_SECONDS = 5.0  # between two lines that say that it is under way
# The core answers at once, or when an attempt has ended. Should it not, the user is told so.
ANSWER_SECONDS = 10.0
UNLOCK_SECONDS = 960.0  # attempts before this one, and the time that key derivation may take

Answer = tuple[bool, str]  # whether it was done, and what came of it
Status = Callable[[bool], Awaitable[str]]  # True: as JSON
Ask = Callable[[Callable[[int], Event]], Awaitable[Answer]]
EXPECTED = "expected status [json], retry, wait SECONDS|forever, or unlock LENGTH NAME"


async def serve(status: Status, ask: Ask, path: str = SOCKET) -> asyncio.Server:
    """Answer requests. `ask` makes an event of its number. Raises OSError (a full /run)."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            done, text = await _told(_answer(reader, status, ask), writer)
        except ConnectionError:
            writer.close()  # the user does not wait for the answer
            return
        except (ValueError, TimeoutError, asyncio.IncompleteReadError) as error:
            done, text = False, f"not understood ({error}); {EXPECTED}"  # or hung up
        writer.write(f"{'ok' if done else 'no'}\n{text}\n".encode(errors="replace"))
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    if os.path.exists(path):
        os.unlink(path)  # of an engine that died
    before = os.umask(0o177)
    try:
        return await asyncio.start_unix_server(answer, path)
    finally:
        os.umask(before)


async def _told(work: Coroutine[Any, Any, Answer], writer: asyncio.StreamWriter) -> Answer:
    """Do the work, and say now and then that it is being done. Raises what the work raises.

    Raises ConnectionError when the user has hung up; the work is called off then.
    """
    task = asyncio.ensure_future(work)
    began = asyncio.get_running_loop().time()
    try:
        while not (await asyncio.wait((task,), timeout=PROGRESS_SECONDS))[0]:
            waited = asyncio.get_running_loop().time() - began
            writer.write(f"wait {waited:.0f}\n".encode())
            await writer.drain()
    finally:
        task.cancel()  # nothing, once it is done
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
    """The core's answer; one that does not come is one too."""
    try:
        return await asyncio.wait_for(answer, seconds)
    except TimeoutError:
        return False, (
            f"what came of it is not known after {seconds:.0f} s; `initpy status` shows how things"
            " stand"
        )
