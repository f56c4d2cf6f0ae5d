"""The kernel command line as words; `settings` gives them their meaning."""

import re
from collections.abc import Iterator

from initpy.config.errors import InputError
from initpy.config.secretfields import value as shown
from initpy.config.textlines import MARK
from initpy.config.timespan import FOR_EVER, seconds_of
from initpy.core.tuples import NamedTuple

TRUE = ("1", "yes", "true", "on", "y", "t")
FALSE = ("0", "no", "false", "off", "n", "f")
# The kernel's isspace(); str.isspace() would split a label at a no-break space too.
BLANKS = " \t\n\v\f\r"
WHOLE = r"[+-]?[0-9]{1,9}"


class Parameter(NamedTuple):
    """`key=value`, or a bare `key` (value None)."""

    key: str
    value: str | None
    where: str = "command line"  # or the file that has it

    def error(self, expected: str) -> InputError:
        """The one clear error for this parameter."""
        return InputError(f"{self.where}: {self.key}", shown(self.key, self.value), expected)

    def refusal(self, expected: str) -> InputError:
        """The error for a value that must not be replaced by its default: root is left alone."""
        error = self.error(expected)
        error.refuses = True
        return error

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

    def seconds(self, for_ever: float | None = None) -> float:
        """Return the seconds of a time span, 0 or more (systemd.time(7)).

        `for_ever` is what `infinity` means; None: nothing.
        """
        text = self.value or ""
        seconds = for_ever if text == FOR_EVER else seconds_of(text)
        if seconds is None:
            raise self.error("a number of seconds, 0 or more, or a time such as 1min30s")
        return seconds

    def integer(self) -> int:
        """A whole number, possibly negative."""
        if not re.fullmatch(WHOLE, self.value or ""):
            raise self.error("a whole number")
        return int(self.value or "")


class CommandLine(NamedTuple):
    """The parameters in order, and the words after `--`, which are for the real init."""

    parameters: tuple[Parameter, ...]
    init_arguments: tuple[str, ...]
    unclosed: Parameter | None = None  # the last one, if a quote in it is not closed


def parse(text: str, where: str = "command line") -> CommandLine:
    """Split as the kernel does: blanks separate, double quotes protect, `--` ends.

    As next_arg() in lib/cmdline.c: quotes around a parameter or its value are taken away, those
    within a value stay. A quote that is not closed reaches to the end of the text.
    """
    parameters: list[Parameter] = []
    arguments: list[str] | None = None
    for key, value in _pairs(text):
        if arguments is not None:
            arguments.append(key if value is None else f"{key}={value}")
        elif key == "--" and value is None:
            arguments = []
        elif key:
            parameters.append(Parameter(key, value, where))
    odd = text.count('"') % 2 and arguments is None
    unclosed = parameters[-1] if odd and parameters else None
    return CommandLine(tuple(parameters), tuple(arguments or ()), unclosed)


def _pairs(text: str) -> Iterator[tuple[str, str | None]]:
    text = text.removesuffix("\n").removeprefix(MARK)  # of /proc/cmdline; of some editors
    if '"' not in text:
        for word in re.split(f"[{BLANKS}]+", text):
            key, equals, value = word.partition("=")
            if word:
                yield key, value if equals else None
        return
    for found in re.finditer(f'(?:[^{BLANKS}"]|"[^"]*(?:"|\\Z))+', text):
        word, whole = found[0], found[0].startswith('"')
        word = word[1:] if whole else word
        key, equals, value = word.partition("=")
        if whole or value.startswith('"'):
            if equals:
                value = value.removeprefix('"').removesuffix('"')
            else:
                key = key.removesuffix('"')
        yield key, value if equals else None
