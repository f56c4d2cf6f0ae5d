"""Run by the interpreter that goes into the image: compile modules to files without sources.

The same source must give the same bytes wherever and however often an image
is built. marshal marks an object as shared by its reference count, so the bytes
depend on what else the process has compiled before. Each module is therefore
compiled in a child of its own, forked from a parent that has done nothing yet;
that also uses all processors.

Standard input has one module a line, words separated by tabs:
    SOURCE NAME LEVEL OUTPUT    NAME is the file name for tracebacks
"""

import importlib.util
import marshal
import os
import sys

# PEP 552: bit 0 set, the pyc holds a hash; bit 1 clear, it is not checked.
UNCHECKED_HASH = (0b01).to_bytes(4, "little")


def compile_one(source: str, name: str, level: int, output: str) -> None:
    """Write one sourceless bytecode file."""
    with open(source, "rb") as file:
        text = file.read()
    code = compile(text, name, "exec", dont_inherit=True, optimize=level)
    header = importlib.util.MAGIC_NUMBER + UNCHECKED_HASH + importlib.util.source_hash(text)
    with open(output, "wb") as file:
        file.write(header + marshal.dumps(code))


def main() -> int:
    """Compile everything on standard input; 1 if anything failed (the child has said what)."""
    tasks = [line.split("\t") for line in sys.stdin.read().splitlines()]
    most = os.cpu_count() or 1
    running = 0
    failed = False
    for source, name, level, output in tasks:
        if running == most:
            failed |= os.wait()[1] != 0
            running -= 1
        if os.fork() == 0:
            # A failure ends the child by its traceback, which names the source.
            compile_one(source, name, int(level), output)
            os._exit(0)
        running += 1
    for _ in range(running):
        failed |= os.wait()[1] != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
