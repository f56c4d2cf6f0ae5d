"""The control socket: `initpy status` asks here what the boot waits for."""

import asyncio
import contextlib
import os
from collections.abc import Callable

SOCKET = "/run/initpy/control"


async def serve(status: Callable[[], str], path: str = SOCKET) -> asyncio.Server:
    """Answer each connection's one line, `status`, with text. Raises OSError (a full /run)."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            word = (await reader.readline()).strip()
        except (ConnectionError, ValueError):  # hung up, or a line without end
            word = b""
        right = word == b"status"
        text = status() if right else f"not understood: {word!r}; expected 'status'"
        writer.write(text.encode(errors="replace") + b"\n")
        with contextlib.suppress(ConnectionError):  # a person who does not wait for the answer
            await writer.drain()
        writer.close()

    if os.path.exists(path):
        os.unlink(path)  # of an engine that died
    before = os.umask(0o077)
    try:
        return await asyncio.start_unix_server(answer, path)
    finally:
        os.umask(before)
