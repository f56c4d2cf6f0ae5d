"""Editing of a secret line that is never echoed: bytes typed in, finished lines out."""

from initpy.core.secret import Secret

ENTER = b"\r\n"
ERASE = b"\x7f\x08"  # DEL and Ctrl-H, whichever the terminal sends for Backspace
CLEAR = b"\x15\x03"  # Ctrl-U, and Ctrl-C: start again
ERASE_WORD = 0x17  # Ctrl-W
ESCAPE = 0x1B


class LineEditor:
    """Feeds on what a terminal sends; keeps what was typed after the last finished line."""

    def __init__(self) -> None:
        self._typed = bytearray()
        self._sequence = bytearray()  # of an arrow or function key, which types nothing
        self._after_return = False

    @property
    def begun(self) -> bool:
        """True while a line has been begun."""
        return bool(self._typed or self._sequence)

    def feed(self, data: bytes) -> list[Secret]:
        """Take typed bytes; return the lines they finish."""
        finished = []
        for byte in data:
            if self._sequence and self._in_sequence(byte):
                pass
            elif byte in ENTER:
                # A terminal that sends CR LF has pressed Enter once.
                if not (byte == 0x0A and self._after_return):
                    finished.append(Secret(self._typed))
                    self.clear()
            elif byte in ERASE:
                self._erase_character()
            elif byte in CLEAR:
                self.clear()
            elif byte == ERASE_WORD:
                self._erase_word()
            elif byte == ESCAPE:
                self._sequence.append(byte)
            elif byte >= 0x20 or byte == 0x09:
                self._typed.append(byte)
            self._after_return = byte == 0x0D
        return finished

    def clear(self) -> None:
        """Forget what was typed on this line, overwriting it."""
        for index in range(len(self._typed)):
            self._typed[index] = 0
        self._typed.clear()

    def _erase_character(self) -> None:
        while self._typed and self._typed[-1] & 0xC0 == 0x80:  # the rest of a UTF-8 character
            self._typed[-1] = 0
            del self._typed[-1]
        if self._typed:
            self._typed[-1] = 0
            del self._typed[-1]

    def _erase_word(self) -> None:
        while self._typed and self._typed[-1] == 0x20:
            del self._typed[-1]
        while self._typed and self._typed[-1] != 0x20:
            self._typed[-1] = 0
            del self._typed[-1]

    def _in_sequence(self, byte: int) -> bool:
        """True when the byte belongs to the sequence.

        ECMA-48: ESC [ parameters final, or ESC O final; the Linux console's F1 to F5 send
        ESC [ [ and a letter. Anything else is typed: the Escape key alone swallows nothing.
        """
        started = bytes(self._sequence)
        if started == b"\x1b":
            belongs, ends = byte in b"[O", False
        elif started == b"\x1b[" and byte == 0x5B:
            belongs, ends = True, False
        else:
            belongs, ends = 0x20 <= byte <= 0x7E, byte >= 0x40
        if belongs and not ends:
            self._sequence.append(byte)
        else:
            self._sequence.clear()
        return belongs
