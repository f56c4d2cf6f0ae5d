"""The consoles as users see them, and what they type: a model of the runtime's consoles.

Keys that are not asked for yet wait in the terminal; only a shell echoes (R12).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from initpy.core.secret import Secret

ERASE, CLEAR, WORD = "\x7f\x08", "\x15\x03", "\x17"
Part = str | Callable[[], str]


@dataclass(slots=True, eq=False)
class Terminal:
    """One console: all that it has shown, and what was typed and not read."""

    parts: list[Part] = field(default_factory=list)
    unread: str = ""
    line: str = ""  # of the line that is being typed
    ahead: list[str] = field(default_factory=list)  # lines typed before they were asked for
    shell: Callable[[str], None] | None = None  # who has it instead
    _text: str = ""
    _joined: int = 0

    @property
    def text(self) -> str:
        """All that it has shown; what is costly to make is made now."""
        if self._joined < len(self.parts):
            fresh = self.parts[self._joined :]
            self._text += "".join(each if isinstance(each, str) else each() for each in fresh)
            self._joined = len(self.parts)
        return self._text

    def feed(self) -> None:
        """Edit the line with what was typed; finished ones are ready."""
        for key in self.unread:
            if key in "\r\n":
                self.ahead.append(self.line)
                self.line = ""
            elif key in ERASE:
                self.line = self.line[:-1]
            elif key in CLEAR:
                self.line = ""
            elif key == WORD:
                self.line = self.line.rstrip(" ").rpartition(" ")[0]
            else:
                self.line += key
        self.unread = ""


class Terminals:
    """All consoles together; `answer` is called with what a person typed at the prompt."""

    def __init__(self, second: bool) -> None:
        self.first = Terminal()  # the preferred one
        self.second = Terminal() if second else None
        self._all = [self.first, *([self.second] if self.second else [])]
        self.prompt: str | None = None
        self.answer: Callable[[Secret], None] | None = None
        self.asked = 0  # so many prompts so far
        self.version = 0  # grows with each text
        self.screens: list[float] = []  # when failure screens were shown
        self.listened: Callable[[], None] | None = None  # is told of keys at an open prompt
        self.pressed: Callable[[], None] | None = None  # is told of the next key without a prompt
        self.user_at = self.first  # where a shell opens

    def show(self, terminal: Terminal, part: Part) -> None:
        """Put something on one console."""
        terminal.parts.append(part)
        self.version += 1

    def kernel(self, line: str) -> None:
        """A line of the kernel's, wherever the cursor is."""
        for each in self._all:
            self.show(each, line)

    def pid1(self, text: str) -> None:
        """A line of PID 1, which knows /dev/console only."""
        self.show(self.first, f"initpy: {text}\n")

    def say(self, text: Part) -> None:
        """Show lines; a prompt that is up is shown again after them."""
        lines: Part = f"{text}\n" if isinstance(text, str) else text
        for each in self._all:
            prompt = self.prompt if each.shell is None else None
            if prompt is None:
                self.show(each, lines)
            else:
                self.show(each, "\n")
                self.show(each, lines)
                self.show(each, prompt)

    def ask(self, prompt: str) -> None:
        """Put the prompt up on every console and read there."""
        self.prompt = prompt
        self.asked += 1
        for each in self._all:
            if each.shell is not None:
                text = f"\ninitpy: {prompt}(`initpy unlock` takes it in this shell)\n"
                self.show(each, text)
            else:
                self.show(each, prompt)

    def withdraw(self, reason: str) -> None:
        """Take the prompt away, saying why; what was typed of it is forgotten."""
        if self.prompt is None:
            return
        self.prompt = None
        for each in self._all:
            each.line = ""
            each.ahead.clear()
            if each.shell is None:
                self.show(each, f"\ninitpy: {reason}\n")

    def give_way(self, reason: str) -> bool:
        """Take the prompt away unless the user has begun to type; True when it is gone."""
        if self.prompt is None:
            return False
        if any(each.line or each.unread or each.ahead for each in self._all if each.shell is None):
            self.say(f"initpy: {reason}: Enter goes on to its prompt")
            return False
        self.withdraw(f"{reason}: its prompt comes first")
        return True

    def read(self) -> None:
        """Take in what was typed while a prompt is up; the first complete line answers."""
        if self.prompt is None:
            return
        for each in self._all:
            if each.shell is not None:
                continue
            if each.unread:
                each.feed()
            if each.ahead:
                self.prompt = None
                for other in self._all:
                    if other.shell is None:
                        self.show(other, "\n")
                line = each.ahead.pop(0)
                if self.answer is not None:
                    self.answer(Secret(line.encode()))
                return

    def type(self, text: str, second: bool = False) -> None:
        """The user types."""
        terminal = self.second if second and self.second is not None else self.first
        if terminal.shell is not None:
            terminal.shell(text)
            return
        terminal.unread += text
        if self.prompt is not None and self.listened is not None:
            self.listened()
        elif self.prompt is None and self.pressed is not None:
            pressed, self.pressed = self.pressed, None
            self.user_at, terminal.unread = terminal, ""
            pressed()

    def await_key(self, pressed: Callable[[], None] | None) -> None:
        """Call this once for the next key without a prompt; what was typed before stays."""
        self.pressed = pressed
        for each in self._all:
            if pressed is not None and self.prompt is None and each.shell is None:
                each.feed()

    def hang_up(self) -> None:
        """The engine is gone: what it had read is lost, what it had not is still there."""
        self.prompt, self.answer, self.listened, self.pressed = None, None, None, None
        self.user_at = self.first
        for each in self._all:
            each.line, each.shell = "", None
            each.ahead.clear()
