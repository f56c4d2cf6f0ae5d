"""No image with damaged programs or modules is called bootable (R28): a table of damages.

A disk that fails, an archive that was cut off, a package of another architecture, or a file that an
editor of another system has saved.
"""

import io
import random
import struct
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
from test_image_removed import machine

from initpy.image.check import interpreter
from initpy.image.check.check import prove
from initpy.image.check.proof import Row, Verdict
from initpy.image.formats.archive import Archive
from initpy.image.formats.elf import DamagedElfError, parse_elf
from initpy.image.formats.machines import loads, name_of, runs
from initpy.image.formats.modinfo import DamagedModuleError, read_module
from initpy.image.tree import Entry, File, Folder, Link

STACK = "lvm-on-luks-on-raid1"
MDADM, INIT = "/usr/sbin/mdadm", "/init"
OK, MISSING = Verdict.OK, Verdict.MISSING
ARM = struct.pack("<H", 183)  # e_machine
Change = Callable[[bytes], Entry]


def content(change: Callable[[bytes], bytes], mode: int = 0o755) -> Change:
    return lambda data: File(change(data), mode)


def always(entry: Entry) -> Change:
    return lambda _: entry


@cache
def module(name: str) -> str:
    return next(path for path in machine(STACK)[0].entries if path.endswith(f"/{name}.ko"))


def rows(path: str = "", change: Change | None = None) -> frozenset[Row]:
    archive, stack, kernel = machine(STACK)
    entries: dict[str, Entry] = dict(archive.entries)
    if change is not None:
        old = entries[path]
        assert isinstance(old, File)
        entries[path] = change(old.read())
    changed = Archive(archive.path, 0, entries=entries)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interpreter, "rows", lambda *_, **__: ())
        return frozenset(
            prove(changed, stack, kernel.version, modules=kernel.modules, run=False).rows
        )


OF_PROGRAMS: dict[str, tuple[Change, Verdict]] = {
    "another machine's": (content(lambda data: data[:18] + ARM + data[20:]), MISSING),
    "another word size": (content(lambda data: data[:4] + b"\1" + data[5:]), MISSING),
    "a half": (content(lambda data: data[: len(data) // 2]), MISSING),
    "a header only": (content(lambda data: data[:64]), MISSING),
    "ten bytes": (content(lambda data: data[:10]), MISSING),
    "empty": (content(lambda _: b""), MISSING),
    "not executable": (content(bytes, 0o644), MISSING),
    "executable for others only": (content(bytes, 0o001), OK),  # root needs one bit
    "a link to itself": (always(Link(MDADM)), MISSING),
    "a folder": (always(Folder()), MISSING),
    "a script": (content(lambda _: b"#!/bin/sh\n"), OK),
    "a script with a carriage return": (content(lambda _: b"#!/bin/sh\r\n"), MISSING),
    "a script of an absent program": (content(lambda _: b"#!/bin/nonesuch\n"), MISSING),
    "a script that runs itself": (content(lambda _: f"#!{MDADM}\n".encode()), MISSING),
    "a text": (content(lambda _: b"echo\n"), MISSING),
}
OF_MODULES: dict[str, tuple[Change, Verdict]] = {
    "another machine's": (content(lambda data: data[:18] + ARM + data[20:]), MISSING),
    "a library": (content(lambda data: data[:16] + b"\3\0" + data[18:]), MISSING),
    "a half": (content(lambda data: data[: len(data) // 2]), MISSING),
    "empty": (content(lambda _: b""), MISSING),
    "zeros": (content(lambda _: bytes(1000)), MISSING),
    "of another kernel": (
        content(lambda data: data.replace(b"vermagic=6", b"vermagic=5")),
        MISSING,
    ),
    "without a permission": (content(bytes, 0), OK),
    "a link to nothing": (always(Link("/nonexistent")), MISSING),
}


def judged(path: str, change: Change) -> Verdict:
    new = rows(path, change) - rows()
    return MISSING if any(row.verdict is MISSING for row in new) else OK


@pytest.mark.parametrize("what", OF_PROGRAMS)
def test_a_program_that_does_not_run(what: str) -> None:
    change, verdict = OF_PROGRAMS[what]
    assert judged(MDADM, change) is verdict


@pytest.mark.parametrize("what", OF_MODULES)
def test_a_module_that_the_kernel_does_not_load(what: str) -> None:
    change, verdict = OF_MODULES[what]
    assert judged(module("raid1"), change) is verdict


def test_an_init_that_an_editor_of_another_system_saved() -> None:
    change = content(lambda data: data.replace(b"\n", b"\r\n"))
    new = rows(INIT, change) - rows()
    assert [row.reason for row in new if row.verdict is MISSING] == [
        "/init: its first line ends with a carriage return"
    ]


def test_which_kinds_a_machine_runs() -> None:
    assert runs("x86_64", ("EM_386", 32))
    assert not loads("x86_64", ("EM_386", 32))
    assert not runs("i686", ("EM_X86_64", 64))
    assert runs("a machine of the future", ("EM_X", 128))
    assert name_of(("EM_AARCH64", 64)) == "aarch64, 64 bits"


def test_a_damaged_elf_file_ends_in_no_traceback() -> None:
    draw = random.Random(3)
    archive = machine(STACK)[0]
    entry = archive.get(MDADM)
    assert isinstance(entry, File)
    whole = entry.read()
    for _ in range(60):
        data = bytearray(whole)
        place = draw.randrange(len(data))
        data[place:place] = draw.randbytes(draw.randrange(1, 50))
        with suppress(DamagedElfError):
            parse_elf(io.BytesIO(data), Path("x"))
        module_data = bytearray(data[:18] + whole[18:])
        with suppress(DamagedModuleError):
            read_module(bytes(module_data))
