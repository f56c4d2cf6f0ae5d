"""Edit a secret line without echo: typed bytes in, finished lines out."""

from initpy.core.secret import Secret

ENTER = b"\r\n"
ERASE = b"\x7f\x08"  # DEL and Ctrl-H: a terminal sends either for Backspace
CLEAR = b"\x15\x03"  # Ctrl-U, and Ctrl-C: start again
ERASE_WORD = 0x17  # Ctrl-W
ESCAPE = 0x1B


class LineEditor:
    """Takes bytes from a terminal; keeps the line that is not finished."""

    def __init__(self) -> None:
        self._typed = bytearray()
        self._sequence = bytearray()  # of an arrow or function key, which adds no character
        self._after_return = False

    @property
    def begun(self) -> bool:
        """True if a line has been begun."""
        return bool(self._typed or self._sequence)

    def feed(self, data: bytes) -> list[Secret]:
        """Take typed bytes; return the lines that they finish."""
        finished = []
        for byte in data:
            if self._sequence and self._in_sequence(byte):
                pass
            elif byte in ENTER:
                # Some terminals send CR LF for one Enter.
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
        """Overwrite and forget the present line."""
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
        """Return whether the byte belongs to the sequence.

        ECMA-48: ESC [ parameters final, or ESC O final; the Linux console's F1 to F5 send
        ESC [ [ and a letter. Other bytes are typed text: a lone Escape swallows none.
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
