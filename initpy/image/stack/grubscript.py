"""Parses the scripts of GRUB into commands (GRUB manual, "Shell-like scripting").

Words keep their quotes and variables: what a variable is depends on the commands before.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

Words = tuple[str, ...]  # as written


@dataclass(frozen=True, slots=True)
class Command:
    """Words, and the commands in braces that follow: of `menuentry`, `submenu`, `function`."""

    words: Words
    block: tuple["Node", ...] | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """The conditions of an `if` with their commands; the last condition may be empty (`else`)."""

    branches: tuple[tuple[tuple["Node", ...], tuple["Node", ...]], ...]


@dataclass(frozen=True, slots=True)
class Loop:
    """The commands of a `for`, `while` or `until`; `name` is the variable of `for`."""

    name: str
    block: tuple["Node", ...]


Node = Command | Choice | Loop

TOKEN = re.compile(
    r"""
      (?:[ \t\r]|\\\n)+
    | \#[^\n]*
    | (?P<end>[\n;]|&&?|\|\|?)
    | (?P<brace>[{}])
    | (?P<word>(?:
          [^ \t\r\n\\'"{};&|$]+ | \\[\s\S] | '[^']*' | "(?:[^"\\]|\\[\s\S])*"
        | \$\{[\w@*\#?]*\} | ['"\\$]
      )+)
    """,
    re.VERBOSE,
)
DEEPEST = 30  # blocks within blocks
FIRST = ("then", "else", "do", "elif", "if", "while", "until")  # a command follows on the line
LAST = ("then", "elif", "else", "fi", "do", "done")  # where the commands before end


def parse(text: str) -> tuple[Node, ...]:
    """Return the commands of a script; what does not fit the grammar ends where its block does."""
    return _Parser(text).script()


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = [*_tokens(text)]
        self._at = 0
        self._depth = 0

    def script(self) -> tuple[Node, ...]:
        found: list[Node] = []
        while self._at < len(self._tokens):
            found += self._block(())
            self._at += 1  # a brace or a keyword that closes nothing
        return tuple(found)

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else "}"

    def _block(self, ends: Words) -> tuple[Node, ...]:
        """Return the commands up to `}` or one of the words, which stays unread."""
        found: list[Node] = []
        self._depth += 1
        while self._at < len(self._tokens):
            token = self._peek()
            if token == "}" or token in ends:
                break
            if token in ("\n", "{"):
                self._at += 1
            elif token == "if" and self._depth < DEEPEST:
                found.append(self._choice())
            elif token in ("for", "while", "until") and self._depth < DEEPEST:
                found.append(self._loop())
            else:
                found.append(self._command())
        self._depth -= 1
        return tuple(found)

    def _command(self) -> Command:
        words: list[str] = []
        while self._at < len(self._tokens) and self._peek() not in ("\n", "}"):
            if self._peek() == "{":
                self._at += 1
                if self._depth >= DEEPEST:
                    break
                block = self._block(())
                self._at += 1
                return Command(tuple(words), block)
            words.append(self._peek())
            self._at += 1
        return Command(tuple(words))

    def _choice(self) -> Choice:
        branches = []
        while self._peek() in ("if", "elif", "else"):
            last = self._peek() == "else"
            self._at += 1
            condition = () if last else self._block(LAST)
            if self._peek() == "then":
                self._at += 1
            branches.append((condition, self._block(LAST)))
        if self._peek() == "fi":
            self._at += 1
        return Choice(tuple(branches))

    def _loop(self) -> Loop:
        command = self._command()
        if self._peek() == "\n":
            self._at += 1
        while self._peek() == "\n":
            self._at += 1
        if self._peek() == "do":
            self._at += 1
        block = self._block(LAST)
        if self._peek() == "done":
            self._at += 1
        name = command.words[1] if command.words[:1] == ("for",) and command.words[1:] else ""
        return Loop(name, block)


def _tokens(text: str) -> Iterator[str]:
    r"""Yield words, braces and, for each end of a command, `\n`."""
    for found in TOKEN.finditer(text):
        if found["end"]:
            yield "\n"
        elif token := found["brace"] or found["word"]:
            yield token
