"""Libraries are found as ld.so finds them; tested against this machine's ld.so."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from initpy.image.content.python import find_interpreter
from initpy.image.formats.elf import (
    DamagedElfError,
    Elf,
    Libraries,
    ThisMachine,
    configured_folders,
    read_elf,
)

PYTHON = str(find_interpreter().program)
SYSTEM = (PYTHON, "/usr/bin/udevadm", "/usr/sbin/lvm", "/usr/sbin/cryptsetup")


@pytest.mark.parametrize("program", SYSTEM)
def test_the_closure_has_all_libraries_that_ld_so_loads(program: str) -> None:
    if not Path(program).exists():
        pytest.skip(f"{program} is not installed")
    done = subprocess.run(["ldd", program], capture_output=True, text=True, check=True)
    loaded = set(re.findall(r"(?:=> )?(/\S+) \(0x", done.stdout))
    closure = Libraries(configured_folders()).closure([Path(program)])
    assert {str(Path(path).resolve()) for path in loaded} <= {
        str(path.resolve()) for path in closure.paths
    }
    assert closure.missing == ()


def test_the_closure_has_the_libraries_for_dlopen() -> None:
    """The threads of libargon2 and of OpenSSL's argon2 abort without libgcc_s."""
    program = Path("/usr/sbin/cryptsetup")
    if not program.exists():
        pytest.skip("cryptsetup is not installed")
    names = {path.name for path in Libraries(configured_folders()).closure([program]).paths}
    assert {"libgcc_s.so.1", "legacy.so"} <= names


def test_a_script_is_no_elf_and_a_truncated_elf_file_is_reported(tmp_path: Path) -> None:
    script, broken = tmp_path / "script", tmp_path / "broken"
    script.write_text("#!/bin/sh\n")
    whole = Path(SYSTEM[0]).read_bytes()
    assert read_elf(script) is None
    for length in (4, 30, 100, len(whole) // 2):
        broken.write_bytes(whole[:length])
        with pytest.raises(DamagedElfError, match="broken"):
            read_elf(broken)
    libraries = Libraries(())
    assert libraries.read(broken) is None
    assert [item.name for item in libraries.damaged] == [str(broken)]


class Described(Libraries):
    """ELF files described by their headers, to test each search rule."""

    def __init__(self, files: dict[Path, Elf], configured: tuple[str, ...] = ()) -> None:
        super().__init__(configured)
        for path, described in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
            self._read[path] = described


def described(
    *needed: str, rpath: tuple[str, ...] = (), runpath: tuple[str, ...] = (), size: int = 64
) -> Elf:
    return Elf(("EM_X86_64", size), None, needed, rpath, runpath)


def test_runpath_applies_to_direct_dependencies_only(tmp_path: Path) -> None:
    program, first, second = tmp_path / "p", tmp_path / "lib/one.so", tmp_path / "lib/two.so"
    files = {
        program: described("one.so", runpath=("$ORIGIN/lib",)),
        first: described("two.so"),
        second: described(),
    }
    closure = Described(files).closure([program])
    assert closure.paths == (first,)
    assert [(item.name, item.wanted_by) for item in closure.missing] == [("two.so", str(first))]


def test_rpath_applies_to_indirect_dependencies(tmp_path: Path) -> None:
    program, first, second = tmp_path / "p", tmp_path / "lib/one.so", tmp_path / "lib/two.so"
    files = {
        program: described("one.so", rpath=("${ORIGIN}/lib",)),
        first: described("two.so"),
        second: described(),
    }
    assert Described(files).closure([program]).paths == (first, second)


def test_a_library_of_another_word_size_is_skipped(tmp_path: Path) -> None:
    program, wrong, right = tmp_path / "p", tmp_path / "32/x.so", tmp_path / "64/x.so"
    files = {program: described("x.so"), wrong: described(size=32), right: described()}
    configured = (str(wrong.parent), str(right.parent))
    assert Described(files, configured).closure([program]).paths == (right,)


def test_libraries_that_need_each_other_are_found_once(tmp_path: Path) -> None:
    first, second = tmp_path / "a.so", tmp_path / "b.so"
    files = {first: described("b.so"), second: described("a.so")}
    assert Described(files, (str(tmp_path),)).closure([first]).paths == (second,)


def test_ld_so_conf_follows_includes_in_order(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more/b.conf").write_text("/b # last\n")
    (tmp_path / "more/a.conf").write_text("\n/a\n")
    main = tmp_path / "ld.so.conf"
    main.write_text("/first\ninclude more/*.conf\n/last\n")
    assert configured_folders(main) == ("/first", "/a", "/b", "/last")
    main.write_text(f"include {tmp_path}/more/a.conf\n")
    assert configured_folders(main) == ("/a",)


def test_a_missing_library_is_named_with_its_user(tmp_path: Path) -> None:
    if shutil.which("true") is None:
        pytest.skip("no true(1)")
    program = tmp_path / "p"
    closure = Described({program: described("libnowhere.so.7")}).closure([program])
    assert [(item.name, item.wanted_by) for item in closure.missing] == [
        ("libnowhere.so.7", str(program))
    ]


def test_a_loaded_library_is_not_searched_again(tmp_path: Path) -> None:
    """As in systemd: the program's RUNPATH finds both libraries, and the first has no RUNPATH."""
    kind = ("EM_X86_64", 64)
    inner = tmp_path / "inner"
    files = {
        tmp_path / "program": Elf(kind, None, ("core.so", "shared.so"), (), (str(inner),)),
        inner / "core.so": Elf(kind, None, ("shared.so", "gone.so"), (), ()),
        inner / "shared.so": Elf(kind, None, (), (), ()),
    }
    closure = Described(files).closure([tmp_path / "program"])
    assert set(closure.paths) == {inner / "core.so", inner / "shared.so"}
    assert [item.name for item in closure.missing] == ["gone.so"]


class OlderLibraries(ThisMachine):
    """This machine, whose C library defines only versions of long ago."""

    def read(self, path: Path) -> Elf | None:
        elf = super().read(path)
        if elf is None or not path.name.startswith("libc.so"):
            return elf
        return replace(elf, defines=frozenset({"GLIBC_2.2.5"}))


def test_a_program_needs_the_versions_that_its_libraries_define() -> None:
    program = Path("/bin/sh").resolve()
    found = Libraries(configured_folders()).closure([program])
    assert not found.missing
    elf = read_elf(program)
    assert elf is not None
    assert "GLIBC_2.2.5" in elf.versions["libc.so.6"]
    older = Libraries(configured_folders(), OlderLibraries()).closure([program])
    assert [each.name.partition(" with ")[0] for each in older.missing] == ["libc.so.6"]
    assert "built for another system" in str(older.missing[0])


class Musl(ThisMachine):
    """This machine, with a program for musl and perhaps its loader."""

    def __init__(self, *present: str) -> None:
        self.present = present
        loader, kind = "/lib/ld-musl-x86_64.so.1", ("EM_X86_64", 64)
        self.files = {
            "/opt/tool": Elf(kind, loader, ("libz.so.1", "libc.so"), (), ()),
            loader: Elf(kind, None, (), (), ()),
            "/usr/lib/libz.so.1": Elf(kind, None, ("libc.musl-x86_64.so.1",), (), ()),
        }

    def exists(self, path: Path) -> bool:
        return str(path) in self.present

    def read(self, path: Path) -> Elf | None:
        return self.files.get(str(path))


def test_a_program_for_musl_has_its_loader_as_c_library() -> None:
    loader, compression = "/lib/ld-musl-x86_64.so.1", "/usr/lib/libz.so.1"
    found = Libraries(("/glibc",), Musl(loader, compression)).closure([Path("/opt/tool")])
    assert found.missing == ()
    assert found.paths == (Path(loader), Path(compression))


def test_a_missing_loader_is_named_with_its_program() -> None:
    found = Libraries((), Musl("/usr/lib/libz.so.1")).closure([Path("/opt/tool")])
    assert "/lib/ld-musl-x86_64.so.1" in {each.name for each in found.missing}
    assert "/opt/tool" in {each.wanted_by for each in found.missing}
