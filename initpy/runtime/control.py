"""The control socket: `initpy status` asks here what the boot waits for."""

import asyncio
import os
from collections.abc import Callable

SOCKET = "/run/initpy/control"


async def serve(status: Callable[[], str]) -> asyncio.Server:
    """Answer each connection's one line, `status`, with text."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        word = (await reader.readline()).strip()
        text = status() if word == b"status" else f"not understood: {word!r}; expected 'status'"
        writer.write(text.encode() + b"\n")
        await writer.drain()
        writer.close()

    if os.path.exists(SOCKET):
        os.unlink(SOCKET)  # of an engine that died
    before = os.umask(0o077)
    try:
        return await asyncio.start_unix_server(answer, SOCKET)
    finally:
        os.umask(before)
