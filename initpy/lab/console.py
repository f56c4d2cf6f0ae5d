"""A machine's process on a pseudo-terminal: what its console says, what is typed at it, its end."""

import os
import re
import signal
import time
from collections.abc import Sequence

import pexpect

# Emulated processors that run in parallel may trip over a device whose memory is just being moved
# (QEMU 7.2: about one boot in a thousand, while the kernel looks at the PCI bus).
CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS)
_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|[()][A-Z0-9]|[=>78c])|\r|\x00")


def plain(said: bytes | bytearray) -> str:
    """A console's output as text, without escape sequences and carriage returns."""
    return _ESCAPES.sub("", said.decode(errors="replace"))


class Console:
    """The console of a machine, which is the standard input and output of its process."""

    def __init__(self, argv: Sequence[str], last: bytes = b"", keys: int | None = None) -> None:
        """Start the process.

        `last`: what it may say and go on, although the machine has ended. `keys`: where it reads
        what is typed, if not from its standard input.
        """
        self.raw = bytearray()  # everything the console said
        self._last = last
        self._ended = False
        # A pseudo-terminal, so that the process is hung up on when we die, however we die.
        self._process = pexpect.spawn(argv[0], list(argv[1:]), echo=False, timeout=None)
        self._process.delaybeforesend = None
        self._keys = self.descriptor if keys is None else keys

    def close(self) -> None:
        """Kill the process."""
        self._process.close(force=True)

    @property
    def descriptor(self) -> int:
        """The console's file descriptor, to wait on."""
        return int(self._process.child_fd)

    @property
    def text(self) -> str:
        """The console's text so far."""
        return plain(self.raw)

    def listen(self, seconds: float) -> bytes | None:
        """What the console says next, b"" if nothing within the time, None when it has ended."""
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
        """Type at the console."""
        self.send(text.encode())

    def send(self, data: bytes) -> None:
        """Pass a user's keys to the console."""
        os.write(self._keys, data)

    @property
    def end(self) -> str:
        """How the process has ended."""
        if self._process.isalive():
            return "still alive"
        if self._process.signalstatus is not None:
            return f"killed by signal {self._process.signalstatus}"
        return f"exit status {self._process.exitstatus}"

    @property
    def crashed(self) -> bool:
        """Whether the process has ended by a mistake of its own: the boot in it shows nothing.

        Ask once the console has ended, which comes a moment before the process does.
        """
        for _ in range(20 if self._ended else 1):
            if not self._process.isalive():
                # Or a shell has told of it (sh(1), exit status).
                how = self._process.signalstatus or (self._process.exitstatus or 0) - 128
                return how in CRASHES
            time.sleep(0.1)
        return False
