"""A synchronous client of QEMU's monitor (QMP).

The package qemu.qmp implements the protocol with asyncio; a thread runs its event loop.
"""

import asyncio
import threading
from collections.abc import Coroutine, Mapping
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from qemu.qmp import ConnectError, QMPClient, QMPError

from initpy.lab.errors import LabError

PATIENCE = 20.0
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class MachineEvent:
    """An event of QEMU, such as SHUTDOWN with reason guest-reset."""

    name: str
    reason: str


class Monitor:
    """A connection to one machine's monitor; `close` ends its thread."""

    def __init__(self, socket: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._client = QMPClient("lab")
        self._events: list[MachineEvent] = []
        try:
            self._wait(self._connect(socket))
        except (ConnectError, OSError) as error:
            self.close()
            raise LabError(f"cannot reach QEMU's monitor: {error}") from error
        except LabError:
            self.close()
            raise

    def _wait(self, work: Coroutine[Any, Any, _Answer]) -> _Answer:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(PATIENCE)
        except FutureTimeout:
            future.cancel()
            raise LabError(f"QEMU's monitor: no answer in {PATIENCE:.0f} s") from None

    async def _connect(self, socket: Path) -> None:
        # QEMU creates the socket shortly after its start, and listens a moment later.
        for _ in range(100):
            with suppress(ConnectError):
                if socket.exists():
                    await self._client.connect(str(socket))
                    break
            await asyncio.sleep(0.05)
        else:
            await self._client.connect(str(socket))
        self._client.logger.disabled = True  # it would log the end of a machine as an error
        self._listener = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for event in self._client.events:
            data = event.get("data")
            reason = str(data.get("reason", "")) if isinstance(data, Mapping) else ""
            self._events.append(MachineEvent(str(event["event"]), reason))

    def events(self) -> list[MachineEvent]:
        """Return the events since the last call."""
        taken, self._events = self._events, []
        return taken

    def execute(self, command: str, arguments: Mapping[str, object] | None = None) -> object:
        """Run a command. Raises LabError if QEMU refuses it or has ended."""
        try:
            return self._wait(self._client.execute(command, arguments))
        except QMPError as error:
            raise LabError(f"QEMU's monitor: {command}: {error}") from error

    async def _disconnect(self) -> None:
        # qemu.qmp reports an error if the machine has ended already.
        with suppress(QMPError, EOFError, OSError):
            await self._client.disconnect()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def close(self) -> None:
        """Disconnect and end the thread."""
        if self._loop.is_closed():
            return
        self._wait(self._disconnect())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()
