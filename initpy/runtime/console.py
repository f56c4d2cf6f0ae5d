"""Show lines on all consoles, and one prompt at a time on all of them.

Echo is off from the engine's start: keys typed before a prompt is up stay in
the terminal and answer the prompt (R12).
"""

import asyncio
import contextlib
import os
import select
import termios
from collections.abc import Callable

from initpy.core.secret import Secret
from initpy.runtime.lineeditor import LineEditor
from initpy.runtime.terminals import FLAGS, console_paths

BACKLOG_LIMIT = 1 << 16  # bytes kept for a console that takes none
DRAIN_SECONDS = 0.5  # for the backlog at the end


class Console:
    """One terminal, opened without becoming the controlling terminal."""

    def __init__(self, path: str, descriptor: int) -> None:
        self.path, self.descriptor = path, descriptor
        self.editor = LineEditor()
        self.backlog = bytearray()
        self.ahead: list[Secret] = []  # lines typed before a prompt asked
        self.modes: list[object] | None = None  # before echo was switched off
        self.lent = False  # to the rescue shell: not read here


class Consoles:
    """All consoles; `answer` gets the line that the user typed at the prompt."""

    def __init__(self, answer: Callable[[Secret], None]) -> None:
        self._answer = answer
        self._prompt: str | None = None
        self._pressed: Callable[[], None] | None = None  # is told of the next key
        self._user_at: Console | None = None  # where a user has pressed the awaited key
        self._loop = asyncio.get_running_loop()
        self._consoles = [each for path in console_paths() if (each := _open(path))]

    @property
    def preferred(self) -> Console | None:
        """Return the console that /dev/console stands for."""
        return self._consoles[-1] if self._consoles else None

    @property
    def for_shell(self) -> Console | None:
        """Return the console of the user who is known to be there, else the preferred one."""
        return self._user_at or self.preferred

    def look_again(self) -> None:
        """Open new consoles: drivers of some are modules (hvc0 on virtio)."""
        known = {each.path for each in self._consoles}
        new = [path for path in console_paths() if path not in known]
        # The preferred one stays the last.
        found = [console for path in new if (console := _open(path))]
        self._consoles[:0] = found
        for console in found:
            if self._prompt is not None:
                self._show_prompt(console, self._prompt)
            elif self._pressed is not None:
                self._loop.add_reader(console.descriptor, self._key, console)

    def _show_prompt(self, console: Console, prompt: str) -> None:
        self._write(console, prompt)
        self._loop.add_reader(console.descriptor, self._typed, console)
        self._loop.call_soon(self._finished, console)

    def say(self, text: str) -> None:
        """Show lines, and a prompt that is up again below them."""
        for console in self._consoles:
            prompt = self._prompt if not console.lent else None
            before = "\n" if prompt is not None else ""
            lines = "".join(f"{line}\n" for line in text.splitlines())
            self._write(console, f"{before}{lines}{prompt or ''}")

    def ask(self, prompt: str) -> None:
        """Show the prompt on every console and read there."""
        self._prompt = None
        self.look_again()
        self._prompt = prompt
        for console in self._consoles:
            if console.lent:
                text = f"\ninitpy: {prompt}(`initpy unlock` takes it in this shell)\n"
                self._write(console, text)
            else:
                self._show_prompt(console, prompt)

    def await_key(self, pressed: Callable[[], None] | None) -> None:
        """Call this once for the next key at a console without prompt or shell; None: do not.

        What was typed before stays for a prompt (R12): on serial lines it may be what a terminal
        has answered to firmware or boot loader.
        """
        self._pressed = pressed
        if self._prompt is None:
            for console in self._consoles:
                if pressed is not None and not console.lent:
                    with contextlib.suppress(OSError):
                        typed = os.read(console.descriptor, BACKLOG_LIMIT)
                        console.ahead += console.editor.feed(typed)
                self._heed_keys(console)

    def _heed_keys(self, console: Console) -> None:
        """Read a console without a prompt only while a key is awaited."""
        if self._pressed is not None and not console.lent:
            self._loop.add_reader(console.descriptor, self._key, console)
        else:
            self._loop.remove_reader(console.descriptor)

    def _read(self, console: Console, limit: int) -> bytes:
        """What was typed there; nothing if it is no more, or if somebody else has read it."""
        try:
            data = os.read(console.descriptor, limit)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:  # hung up
            self._loop.remove_reader(console.descriptor)
        return data

    def _key(self, console: Console) -> None:
        """A key was pressed, or several: the user is there, and what it was does not matter."""
        data = self._read(console, BACKLOG_LIMIT)
        if not data:
            return
        pressed, self._user_at = self._pressed, console
        self.await_key(None)
        if pressed is not None:
            pressed()

    def withdraw(self, reason: str) -> None:
        """Withdraw the prompt and say why; forget the line that was begun."""
        if self._prompt is None:
            return
        self._prompt = None
        for console in self._consoles:
            self._heed_keys(console)
            console.editor.clear()
            _forget(console)
            if not console.lent:
                self._write(console, f"\ninitpy: {reason}\n")

    def give_way(self, reason: str) -> bool:
        """Withdraw the prompt unless the user has begun to type; return whether it is gone."""
        if self._prompt is None:
            return False
        read = [each for each in self._consoles if not each.lent]
        waiting, _, _ = select.select([each.descriptor for each in read], [], [], 0)
        if waiting or any(each.editor.begun or each.ahead for each in read):
            self.say(f"initpy: {reason}: Enter goes on to its prompt")
            return False
        self.withdraw(f"{reason}: its prompt comes first")
        return True

    def lend(self, console: Console) -> None:
        """Give the console to a shell, with its original modes."""
        console.lent = True
        self._loop.remove_reader(console.descriptor)
        if console.modes is not None:
            _set_modes(console.descriptor, console.modes)

    def take_back(self, console: Console) -> None:
        """Use the console again after the shell: switch echo off, show the prompt that is up.

        The kernel hangs up the terminal when the shell, its session leader, ends. Descriptors from
        before are dead then, so the terminal is opened again.
        """
        console.lent = False
        self._open_again(console)
        console.modes = _silence(console.descriptor) or console.modes
        if self._prompt is not None:
            self.ask(self._prompt)
        else:
            self._heed_keys(console)

    def close(self) -> None:
        """Write the backlog and restore the modes of the terminals."""
        for console in self._consoles:
            self._drain(console)
            _forget(console)
            if console.modes is not None:
                _set_modes(console.descriptor, console.modes)

    def _open_again(self, console: Console) -> None:
        try:
            fresh = os.open(console.path, FLAGS)
        except OSError:
            return
        self._loop.remove_writer(console.descriptor)
        os.dup2(fresh, console.descriptor, inheritable=False)
        os.close(fresh)

    def _typed(self, console: Console) -> None:
        data = self._read(console, 256)
        if not data:
            return
        console.ahead += console.editor.feed(data)
        self._finished(console)

    def _finished(self, console: Console) -> None:
        """Answer the prompt with the first line; later lines answer later prompts (R12)."""
        if self._prompt is None or console.lent or not console.ahead:
            return
        self._prompt = None
        for each in self._consoles:
            self._heed_keys(each)
            if not each.lent:
                self._write(each, "\n")
        self._answer(console.ahead.pop(0))

    def _write(self, console: Console, text: str) -> None:
        if len(console.backlog) < BACKLOG_LIMIT:
            console.backlog += text.encode(errors="replace")
        self._flush(console)

    def _flush(self, console: Console) -> None:
        """Write as much as the terminal takes now: a stuck terminal must not stop the boot."""
        try:
            del console.backlog[: os.write(console.descriptor, console.backlog)]
        except BlockingIOError:
            pass
        except OSError:
            console.backlog.clear()
        if console.backlog:
            self._loop.add_writer(console.descriptor, self._flush, console)
        else:
            self._loop.remove_writer(console.descriptor)

    def _drain(self, console: Console) -> None:
        """Write the backlog, but do not wait long for a stuck terminal (Ctrl-S, no reader)."""
        poll = select.poll()
        poll.register(console.descriptor, select.POLLOUT)
        limit = self._loop.time() + DRAIN_SECONDS
        while console.backlog and (left := limit - self._loop.time()) > 0:
            if poll.poll(left * 1000):
                self._flush(console)


def _forget(console: Console) -> None:
    for secret in console.ahead:
        secret.wipe()
    console.ahead.clear()


def _open(path: str) -> Console | None:
    try:
        descriptor = os.open(path, FLAGS)
    except OSError:
        return None
    console = Console(path, descriptor)
    console.modes = _silence(descriptor)
    return console


def _silence(descriptor: int) -> list[object] | None:
    """Switch off echo, lines and signals; return the modes before. Typed bytes are kept."""
    try:
        before = termios.tcgetattr(descriptor)
    except termios.error:
        return None
    after = termios.tcgetattr(descriptor)
    after[3] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG)
    after[6][termios.VMIN], after[6][termios.VTIME] = 1, 0
    _set_modes(descriptor, after)
    # PID 1 has switched echo off already; a shell needs it.
    before[3] |= termios.ECHO | termios.ICANON | termios.ISIG
    return before


def _set_modes(descriptor: int, modes: list[object]) -> None:
    with contextlib.suppress(termios.error):
        termios.tcsetattr(descriptor, termios.TCSANOW, modes)  # type: ignore[arg-type]
