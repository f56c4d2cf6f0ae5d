"""The kernel command line as words; `settings` gives them their meaning."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from initpy.config.errors import InputError
from initpy.config.secretfields import value as shown

TRUE = ("1", "yes", "true", "on", "y")
FALSE = ("0", "no", "false", "off", "n")
# The kernel's isspace(); str.isspace() would split a label at a no-break space too.
BLANKS = " \t\n\v\f\r"
WHOLE = r"[+-]?[0-9]{1,9}"
DECIMAL = r"[0-9]{1,9}(\.[0-9]{0,9})?|\.[0-9]{1,9}"


class Parameter(NamedTuple):
    """`key=value`, or a bare `key` (value None)."""

    key: str
    value: str | None
    where: str = "command line"  # or the file that has it

    def error(self, expected: str) -> InputError:
        """The one clear error for this parameter."""
        return InputError(f"{self.where}: {self.key}", shown(self.key, self.value), expected)

    def text(self, expected: str) -> str:
        """The value, which must not be empty."""
        if not self.value:
            raise self.error(expected)
        return self.value

    def flag(self) -> bool:
        """A bare key counts as true (dracut.cmdline(7), systemd(1))."""
        if self.value is None or self.value.lower() in TRUE:
            return True
        if self.value.lower() in FALSE:
            return False
        raise self.error("yes or no (1 or 0)")

    def seconds(self) -> float:
        """A whole or fractional number of seconds, 0 or more; `s` may follow."""
        text = (self.value or "").removesuffix("s")
        # float() takes 1_000, nan and the digits of other scripts too; users mean none of them.
        if not re.fullmatch(DECIMAL, text):
            raise self.error("a number of seconds, 0 or more")
        return float(text)

    def integer(self) -> int:
        """A whole number, possibly negative."""
        if not re.fullmatch(WHOLE, self.value or ""):
            raise self.error("a whole number")
        return int(self.value or "")


class CommandLine(NamedTuple):
    """The parameters in order, and the words after `--`, which are for the real init."""

    parameters: tuple[Parameter, ...]
    init_arguments: tuple[str, ...]


def parse(text: str, where: str = "command line") -> CommandLine:
    """Split as the kernel does: blanks separate, double quotes protect, `--` ends.

    See Documentation/admin-guide/kernel-parameters.rst and next_arg() there.
    """
    words = list(_words(text))
    end = words.index("--") if "--" in words else len(words)
    parameters = []
    for word in words[:end]:
        key, separator, value = word.partition("=")
        parameters.append(Parameter(key, value if separator else None, where))
    return CommandLine(tuple(parameters), tuple(words[end + 1 :]))


def _words(text: str) -> Iterator[str]:
    word: list[str] = []
    quoted = started = False
    for character in text:
        if character == '"':
            quoted, started = not quoted, True
        elif character in BLANKS and not quoted:
            if started:
                yield "".join(word)
            word, started = [], False
        else:
            word.append(character)
            started = True
    if started:
        yield "".join(word)
