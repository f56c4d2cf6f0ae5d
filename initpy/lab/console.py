"""A machine's process on a pseudo-terminal: reads its console, types, and detects its end."""

import os
import re
import signal
import time
from collections.abc import Sequence

import pexpect

# QEMU 7.2 with parallel emulated processors crashes in about one boot of a thousand, as the kernel
# moves a device's memory during its PCI scan.
CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS)
_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|[()][A-Z0-9]|[=>78c])|\r|\x00")


def plain(said: bytes | bytearray) -> str:
    """Return a console's output as text, without escape sequences and carriage returns."""
    return _ESCAPES.sub("", said.decode(errors="replace"))


class Console:
    """The console of a machine: the standard input and output of its process."""

    def __init__(self, argv: Sequence[str], last: bytes = b"", keys: int | None = None) -> None:
        """Start the process.

        `last` is output after which the machine has ended even if its process continues. `keys` is
        the descriptor for input, if it does not read its standard input.
        """
        self.raw = bytearray()  # the console's output so far
        self._last = last
        self._ended = False
        # A pseudo-terminal sends SIGHUP to the process however this one dies.
        self._process = pexpect.spawn(argv[0], list(argv[1:]), echo=False, timeout=None)
        self._process.delaybeforesend = None
        self._keys = self.descriptor if keys is None else keys

    def close(self) -> None:
        """Kill the process."""
        self._process.close(force=True)

    @property
    def process(self) -> int:
        """Return the PID of the machine's process."""
        return int(self._process.pid)

    @property
    def descriptor(self) -> int:
        """Return the console's file descriptor, for select(2)."""
        return int(self._process.child_fd)

    @property
    def text(self) -> str:
        """Return the console's text so far."""
        return plain(self.raw)

    def listen(self, seconds: float) -> bytes | None:
        """Return new output, b"" if there is none within the time, None after the end."""
        if self._process.closed:
            self._ended = True
            return None
        try:
            heard = bytes(self._process.read_nonblocking(65536, timeout=seconds))
        except pexpect.TIMEOUT:
            return b""
        except pexpect.EOF:
            self._ended = True
            return None
        self.raw += heard
        if self._last and self._last in self.raw:
            self.close()
        return heard

    def type(self, text: str) -> None:
        """Type a text at the console."""
        self.send(text.encode())

    def send(self, data: bytes) -> None:
        """Send bytes to the console's input."""
        os.write(self._keys, data)

    @property
    def end(self) -> str:
        """Return how the process has ended, as text."""
        if self._process.isalive():
            return "still alive"
        if self._process.signalstatus is not None:
            return f"killed by signal {self._process.signalstatus}"
        return f"exit status {self._process.exitstatus}"

    @property
    def crashed(self) -> bool:
        """Return whether the process has crashed, so that its boot proves nothing.

        Call it after the console has ended, which is a moment before the process ends.
        """
        for _ in range(20 if self._ended else 1):
            if not self._process.isalive():
                # A shell reports a signal as exit status 128 + n (sh(1)).
                how = self._process.signalstatus or (self._process.exitstatus or 0) - 128
                return how in CRASHES
            time.sleep(0.1)
        return False
