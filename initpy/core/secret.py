"""A passphrase or key that can be passed on and wiped, but never shown or serialised (R14)."""

from typing import NoReturn

HIDDEN = "…"  # in the place of a secret in what is shown


class Secret:
    """Bytes that only `reveal()` gives away.

    `repr`, `str` and formatting show a placeholder; pickling raises. `wipe()`
    overwrites the buffer: as far as Python allows, since copies that the
    interpreter or the kernel made on the way are out of reach.
    """

    __slots__ = ("_buffer",)

    def __init__(self, value: bytes | bytearray) -> None:
        self._buffer = bytearray(value)

    def reveal(self) -> bytearray:
        """The buffer itself, not a copy, so that wiping reaches it."""
        return self._buffer

    def wipe(self) -> None:
        """Overwrite the bytes with zeros and drop them."""
        for index in range(len(self._buffer)):
            self._buffer[index] = 0
        del self._buffer[:]

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be serialised")
