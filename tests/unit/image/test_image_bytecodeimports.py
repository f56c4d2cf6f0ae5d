"""The check reads imports from bytecode if the interpreter cannot run (R28)."""

import importlib.util
import marshal
from pathlib import Path

import pytest
from writing import archive_of

from initpy.image.formats.bytecodeimports import (
    DamagedBytecodeError,
    ForeignBytecodeError,
    absent_imports,
)
from initpy.image.tree import File, Tree

LIBRARY = "/usr/lib/python3"
MODULE = importlib.util.MAGIC_NUMBER + bytes(12) + marshal.dumps(compile("a = 1", "x", "exec"))


def absent(**sources: str) -> list[tuple[str, str]]:
    """Return the absent imports of initpy.here; `__` in a source's name stands for a slash."""
    tree = Tree()
    for name, source in sources.items():
        path = f"{LIBRARY}/{name.replace('__', '/').replace('/init/', '/__init__')}.pyc"
        code = compile(source, path, "exec")
        header = importlib.util.MAGIC_NUMBER + bytes(12)
        tree.add(path, File(header + marshal.dumps(code)))
    return absent_imports(archive_of(tree, Path("test.img")), LIBRARY, ["initpy.here"])


def test_an_import_without_a_file_is_absent() -> None:
    found = absent(initpy__init__="", initpy__here="import kit, gone\n", kit="import sys\n")
    assert found == [("gone", "initpy.here")]


def test_a_name_that_a_package_registers_itself_needs_no_file() -> None:
    """Such as collections.abc, which has no file in Python 3.13."""
    kit = "import sys as _sys\n_sys.modules['kit.abc'] = _sys\nother = {}\nother['kit.gone'] = 1\n"
    here = "import kit.abc\nfrom kit.gone import x\n"
    found = absent(initpy__init__="", initpy__here=here, kit__init__=kit)
    assert found == [("kit.gone", "initpy.here")]


def test_a_package_may_be_there_in_parts() -> None:
    """Of a library without its `__init__` only what is imported comes along (PEP 420)."""
    here = "import kit.part\nimport kit.gone\n"
    found = absent(initpy__init__="", initpy__here=here, kit__part="")
    assert found == [("kit.gone", "initpy.here")]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", DamagedBytecodeError),
        (bytes(400), DamagedBytecodeError),
        (importlib.util.MAGIC_NUMBER + bytes(12), DamagedBytecodeError),
        (importlib.util.MAGIC_NUMBER + bytes(12) + marshal.dumps(3), DamagedBytecodeError),
        (MODULE[:-9], DamagedBytecodeError),
        (b"\x01\x02\r\n" + MODULE[4:], ForeignBytecodeError),
    ],
)
def test_a_file_that_no_python_imports_is_damaged(content: bytes, error: type[ValueError]) -> None:
    tree = Tree()
    tree.add(f"{LIBRARY}/initpy/__init__.pyc", File(content))
    archive = archive_of(tree, Path("test.img"))
    with pytest.raises(error, match=r"initpy/__init__\.pyc"):
        absent_imports(archive, LIBRARY, ["initpy"])
