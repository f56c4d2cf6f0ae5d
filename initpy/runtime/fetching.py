"""Read keys and headers from devices, from files on devices, from key scripts (R10, R14).

A child process reads: a stick may hang and a mount loads modules; neither may stop the prompt.
"""

import asyncio
import contextlib
import errno
import os
import signal
from collections.abc import Callable
from functools import partial

from initpy.core.actions import Drop, Fetch
from initpy.core.events import Fetched
from initpy.core.secret import Secret
from initpy.runtime.aside import Answer, Aside
from initpy.runtime.processes import ENVIRONMENT

KEY_LIMIT = 8 * 1024 * 1024  # bytes, as cryptsetup: --keyfile-size in cryptsetup-open(8)
HEADER_LIMIT = 256 * 1024 * 1024
CHUNK = 1024 * 1024
KEY_CHUNK = 1 << 16


class Fetcher:
    """Carries out `Fetch` and `Drop`; `done` gets the events."""

    def __init__(self, aside: Aside, done: Callable[[Fetched], None]) -> None:
        self._aside, self._done = aside, done
        self._loop = asyncio.get_running_loop()
        self._programs: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._reading: set[tuple[str, int]] = set()
        self._kept: dict[tuple[str, int], str] = {}

    def start(self, action: Fetch) -> None:
        """Begin to read; an event has the result."""
        key = action.job, action.number
        if action.program:
            self._programs[key] = self._loop.create_task(self._run(action))
            return
        if action.keep:
            self._kept[key] = action.keep
        self._reading.add(key)
        answer = self._aside.ask(_question(key), partial(_read, action))
        answer.add_done_callback(lambda done: self._was_read(key, done.result()))

    def drop(self, action: Drop) -> None:
        """End the child or program; remove the header that was kept."""
        key = action.job, action.number
        if (task := self._programs.pop(key, None)) is not None:
            task.cancel()
        if key in self._reading:
            self._reading.discard(key)
            self._aside.stop(_question(key))
        if (path := self._kept.pop(key, None)) is not None:
            with contextlib.suppress(OSError):
                os.unlink(path)

    def _was_read(self, key: tuple[str, int], answer: Answer) -> None:
        if key in self._reading:
            self._reading.discard(key)
            path = answer.value or ""
            self._done(Fetched(*key, answer.secret, answer.error, path))
        elif answer.secret is not None:
            answer.secret.wipe()

    async def _run(self, action: Fetch) -> None:
        """Run a key script, which prints the key."""
        key = action.job, action.number
        try:
            process = await asyncio.create_subprocess_exec(
                *action.program,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={**ENVIRONMENT, **dict(action.environment)},
                start_new_session=True,
            )
        except OSError as problem:
            self._programs.pop(key, None)
            self._done(Fetched(*key, error=f"cannot be run: {problem.strerror}"))
            return
        try:
            output, _ = await process.communicate()
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
        self._programs.pop(key, None)
        if process.returncode or not output:
            why = f"status {process.returncode}" if process.returncode else "it printed nothing"
            self._done(Fetched(*key, error=why))
        else:
            self._done(Fetched(*key, Secret(output)))


def _question(key: tuple[str, int]) -> str:
    return f"fetch {key[0]} {key[1]}"


# In a child


def _read(action: Fetch) -> Secret | str | None:
    """Return a secret, or the path of a header that was kept. Raises OSError."""
    try:
        if not action.check:
            return fetch(action)
        from initpy.runtime.luksheader import check

        return check(action.node, action.keep)
    except ValueError as problem:  # an impossible path
        raise OSError(errno.EINVAL, str(problem)) from None


def fetch(action: Fetch) -> Secret | None:
    """Return the secret, or None when the header is in the file `keep`. Raises OSError."""
    if not action.path:
        descriptor = os.open(action.node, os.O_RDONLY | os.O_CLOEXEC)
    else:
        # There is a type if udev has found a file system, or the user has named one.
        descriptor = open_on_device(action.node, action.types, action.path)
    try:
        if not action.keep:
            return _secret(descriptor, action)
        _keep(descriptor, action.keep)
        return None
    finally:
        os.close(descriptor)


def open_on_device(node: str, types: tuple[str, ...], path: str) -> int:
    """Mount the device with the first type that works; open the file on it."""
    from initpy.runtime import detached  # rare: most volumes have no key on a device

    problem = OSError(errno.EINVAL, f"no known file system on {node}")
    for kind in filter(None, types):
        try:
            root = detached.mount(node, kind)
        except OSError as error:
            problem = OSError(error.errno, f"{node} ({kind}): {error.strerror}")
            continue
        try:
            # The open file keeps the file system mounted until it is closed.
            return detached.open_file(root, path)
        except OSError as error:
            raise OSError(error.errno, f"{path} on {node}: {error.strerror}") from None
        finally:
            os.close(root)
    raise problem


def _secret(descriptor: int, action: Fetch) -> Secret:
    """Read the bytes into a buffer that can be wiped."""
    limit = min(action.size or KEY_LIMIT, KEY_LIMIT)
    secret = Secret(bytes(min(limit, KEY_CHUNK)))
    buffer, position = secret.reveal(), 0
    while position < limit:
        if position == len(buffer):
            buffer += bytes(min(KEY_CHUNK, limit - position))
        with memoryview(buffer)[position:] as view:
            count = os.preadv(descriptor, [view], action.offset + position)
        if count == 0:
            break
        position += count
    if position == 0 or (action.size and position < action.size):
        secret.wipe()
        what = f"shorter than {action.offset} + {action.size or 1} bytes"
        raise OSError(errno.ENODATA, what)
    if action.size == 0 and position == KEY_LIMIT and not action.path:
        secret.wipe()
        raise OSError(errno.EFBIG, "a whole device is no key: keyfile-size= is needed")
    del buffer[position:]
    return secret


def _keep(descriptor: int, path: str) -> None:
    """Copy a header to a file in memory, for the time that the volume is locked."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        position = 0
        while chunk := os.pread(descriptor, CHUNK, position):
            if position >= HEADER_LIMIT:
                raise OSError(errno.EFBIG, "too long for a header")
            if chunk.strip(b"\0"):
                os.pwrite(target, chunk, position)
            position += len(chunk)
        os.ftruncate(target, position)
    finally:
        os.close(target)
