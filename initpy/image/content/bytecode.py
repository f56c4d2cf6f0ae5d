"""A script for the image's interpreter: compile modules to bytecode files, reproducibly.

The same source must give the same bytes in each build. marshal marks a string as shared if its
reference count is above one, so that its output depends on other code in the process. This script
holds one more reference to each string of a module while it writes the module. All strings are
shared then, and one process can compile many modules.

Line tables are a seventh of the standard library's bytecode, so they are reduced there: a
traceback names a function and its first line.

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

# PEP 552: bit 0 set: the pyc holds a hash; bit 1 clear: Python does not check it.
UNCHECKED_HASH = (0b01).to_bytes(4, "little")


def compile_one(source: str, name: str, level: int, output: str) -> None:
    """Compile a source file and write its bytecode file."""
    with open(source, "rb") as file:
        text = file.read()
    code = compile(text, name, "exec", dont_inherit=True, optimize=level)
    if level == 2:  # the standard library's
        code = without_lines(code)
    header = importlib.util.MAGIC_NUMBER + UNCHECKED_HASH + importlib.util.source_hash(text)
    held = list(strings(code))
    with open(output, "wb") as file:
        file.write(header + marshal.dumps(code))
    del held


def without_lines(code: CodeType) -> CodeType:
    """Return the code with all instructions of a function on its first line.

    An entry of the line table (Objects/locations.md of CPython 3.11 and later) covers up to eight
    instructions. Code 13 means a line without columns, here with a difference of 0.
    """
    instructions = len(code.co_code) // 2
    whole, rest = divmod(instructions, 8)
    table = b"\xef\x00" * whole + (bytes((0xE8 | rest - 1, 0)) if rest else b"")
    inner = (without_lines(each) if isinstance(each, CodeType) else each for each in code.co_consts)
    return code.replace(co_linetable=table, co_consts=tuple(inner))


def strings(code: CodeType) -> "Iterator[str]":
    """Yield every string that the code and its nested code refer to, repetitions included."""
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
    """Compile the modules on standard input; return 1 if a child failed (it prints why)."""
    tasks = [line.split("\t") for line in sys.stdin.read().splitlines()]
    workers = os.cpu_count() or 1
    for number in range(workers):
        if os.fork() == 0:
            # A failure ends the child with a traceback that names the source.
            for source, name, level, output in tasks[number::workers]:
                compile_one(source, name, int(level), output)
            os._exit(0)
    endings = [os.wait()[1] for _ in range(workers)]
    return 1 if any(endings) else 0


if __name__ == "__main__":
    sys.exit(main())
