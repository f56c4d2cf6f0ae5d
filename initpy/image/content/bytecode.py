"""Run by the interpreter that goes into the image: compile modules to files without sources.

The same source must give the same bytes wherever and however often an image
is built. marshal marks a string as shared by its reference count, so the bytes
depend on which other code of the process has the same string. Each string of a
module is therefore held once more while the module is written: all are shared
then, whatever else has been compiled, and one process can compile many modules.

Of the library's code a traceback names the functions, each at its first line: the tables of
lines are a seventh of its bytecode, and nobody looks for the mistake there.

Standard input has one module a line, words separated by tabs:
    SOURCE NAME LEVEL OUTPUT    NAME is the file name for tracebacks
"""

import importlib.util
import marshal
import os
import sys
from types import CodeType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# PEP 552: bit 0 set, the pyc holds a hash; bit 1 clear, it is not checked.
UNCHECKED_HASH = (0b01).to_bytes(4, "little")


def compile_one(source: str, name: str, level: int, output: str) -> None:
    """Write one sourceless bytecode file."""
    with open(source, "rb") as file:
        text = file.read()
    code = compile(text, name, "exec", dont_inherit=True, optimize=level)
    if level == 2:  # the library's
        code = without_lines(code)
    header = importlib.util.MAGIC_NUMBER + UNCHECKED_HASH + importlib.util.source_hash(text)
    held = list(strings(code))
    with open(output, "wb") as file:
        file.write(header + marshal.dumps(code))
    del held


def without_lines(code: CodeType) -> CodeType:
    """The same code, all of a function on the line where it begins.

    An entry of the table (Objects/locations.md of CPython 3.11 and later) covers up to eight
    instructions: kind 13, a line without columns, here with a difference of 0.
    """
    instructions = len(code.co_code) // 2
    whole, rest = divmod(instructions, 8)
    table = b"\xef\x00" * whole + (bytes((0xE8 | rest - 1, 0)) if rest else b"")
    inner = (without_lines(each) if isinstance(each, CodeType) else each for each in code.co_consts)
    return code.replace(co_linetable=table, co_consts=tuple(inner))


def strings(code: CodeType) -> "Iterator[str]":
    """Every string that the code or code inside it refers to, as often as it does."""
    todo: list[object] = [code]
    while todo:
        match todo.pop():
            case str(text):
                yield text
            case tuple(items) | frozenset(items):
                todo.extend(items)
            case CodeType() as inner:
                todo += (inner.co_name, inner.co_qualname, inner.co_filename, inner.co_names)
                todo += (inner.co_varnames, inner.co_freevars, inner.co_cellvars, inner.co_consts)


def main() -> int:
    """Compile everything on standard input; 1 if anything failed (the child has said what)."""
    tasks = [line.split("\t") for line in sys.stdin.read().splitlines()]
    workers = os.cpu_count() or 1
    for number in range(workers):
        if os.fork() == 0:
            # A failure ends the child by its traceback, which names the source.
            for source, name, level, output in tasks[number::workers]:
                compile_one(source, name, int(level), output)
            os._exit(0)
    endings = [os.wait()[1] for _ in range(workers)]
    return 1 if any(endings) else 0


if __name__ == "__main__":
    sys.exit(main())
