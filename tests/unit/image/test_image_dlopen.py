"""Libraries for dlopen(3) are included and checked, though no ELF header names them (R27, R28)."""

from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from fake_elf import DLOPEN, PACKAGING, note, opens, with_notes
from writing import archive_of

from initpy.image.build.assembly import Assembly
from initpy.image.check.programs import ImagePrograms
from initpy.image.content.programs import Named
from initpy.image.formats.dlopen import SYMBOLS, Opened, Priority
from initpy.image.formats.elf import Libraries, configured_folders, read_elf
from initpy.image.inspect.references import References
from initpy.image.tree import File, Link, Tree

KMOD = {"feature": "kmod", "description": "loads modules", "priority": "recommended",
        "soname": ["libkmod.so.2"]}  # fmt: skip
CRYPT = {"feature": "crypt", "priority": "required", "soname": ["libnew.so.2", "libold.so.1"]}
IDN = {"feature": "idn", "priority": "suggested", "soname": ["libidn2.so.0"]}
ENDS_THREADS = {"pthread_exit", "pthread_cancel", "thrd_exit"}


def opened(tmp_path: Path, *notes: bytes) -> tuple[Opened, ...]:
    file = tmp_path / "program"
    file.write_bytes(with_notes(notes))
    elf = read_elf(file)
    assert elf is not None
    return elf.opened


def test_notes_declare_all_libraries_but_the_suggested_ones(tmp_path: Path) -> None:
    found = opened(tmp_path, opens(KMOD), opens(CRYPT, IDN))
    assert found == (
        Opened(("libkmod.so.2",), "kmod", Priority.RECOMMENDED, "loads modules"),
        Opened(("libnew.so.2", "libold.so.1"), "crypt", Priority.REQUIRED, ""),
    )


def test_without_a_priority_a_library_is_recommended_and_a_single_name_will_do(
    tmp_path: Path,
) -> None:
    (found,) = opened(tmp_path, note(b'{"soname": "libfoo.so.1"}\0'))
    assert found == Opened(("libfoo.so.1",), "", Priority.RECOMMENDED, "")


@pytest.mark.parametrize(
    "data",
    [
        note(b'[{"soname": ["libx.so.1"]}]', kind=PACKAGING),
        note(b'[{"soname": ["libx.so.1"]}]', owner="GNU", kind=DLOPEN),
        note(b"[{"),
        note(b"\xff\xfe"),
        note(b"[" * 100_000),
        note(b'[1, {"soname": 2}, {"soname": [3]}, {"soname": []}, {}]'),
        note(b""),
    ],
)
def test_other_and_malformed_notes_are_ignored(tmp_path: Path, data: bytes) -> None:
    assert opened(tmp_path, data) == ()


def test_the_first_name_that_exists_is_opened(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(with_notes([opens(CRYPT, KMOD)]))
    libraries = Libraries([str(tmp_path)])
    closure = libraries.closure([program])
    assert [item.name for item in closure.missing] == ["libnew.so.2"]
    assert [each.opened.feature for each in closure.lacking] == ["kmod"]
    old, new = tmp_path / "libold.so.1", tmp_path / "libnew.so.2"
    old.write_bytes(with_notes([opens(KMOD)]))
    assert Libraries([str(tmp_path)]).closure([program]).paths == (old,)
    new.write_bytes(with_notes([]))
    assert Libraries([str(tmp_path)]).closure([program]).paths == (new,)


def imported_by_sections(path: Path) -> set[str]:
    """Return the imported symbols by section headers, as readelf --dyn-syms does."""
    with path.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".dynsym")
        assert isinstance(table, SymbolTableSection)
        return {each.name for each in table.iter_symbols() if each["st_shndx"] == "SHN_UNDEF"}


@pytest.mark.parametrize(
    "program",
    ["/usr/bin/mksquashfs", "/usr/sbin/cryptsetup", "/usr/bin/kmod", "/usr/bin/udevadm", "/bin/sh"],
)
def test_symbols_imply_the_libraries_that_functions_open(program: str) -> None:
    libraries = Libraries(configured_folders())
    closure = libraries.closure([Path(program)])
    for path in (Path(program), *closure.paths):
        elf = libraries.read(path)
        assert elf is not None
        wanted = {SYMBOLS[name] for name in imported_by_sections(path) if name in SYMBOLS}
        told = {each for each in elf.opened if each in SYMBOLS.values()}
        assert told == wanted, path


def test_a_program_that_ends_threads_needs_libgcc_s() -> None:
    """mksquashfs aborts without it when it cancels its threads."""
    program = Path("/usr/bin/mksquashfs")
    assert imported_by_sections(program) & ENDS_THREADS
    names = {path.name for path in Libraries(configured_folders()).closure([program]).paths}
    assert "libgcc_s.so.1" in names
    assert "libgcc_s.so.1" not in {
        path.name for path in Libraries(configured_folders()).closure([Path("/bin/ls")]).paths
    }


def test_the_check_reports_a_missing_library_for_dlopen() -> None:
    assembly = Assembly()
    assembly.add_programs([Named("mksquashfs", "the test")])
    assembly.close()
    archive = archive_of(assembly.tree, Path("test.img"))
    without = ImagePrograms(archive).check("mksquashfs")
    assert without is not None and "/lib64/ld-linux-x86-64.so.2, which" in without.problem
    archive.entries |= {"/lib": Link("usr/lib"), "/lib64": Link("usr/lib64")}
    good = ImagePrograms(archive).check("mksquashfs")
    assert good is not None and good.problem == ""
    (library,) = [path for path in archive.entries if path.endswith("/libgcc_s.so.1")]
    assert [each.how for each in References(archive).to(library)] == ["opens it by name"]
    del archive.entries[library]
    found = ImagePrograms(archive).check("mksquashfs")
    assert found is not None and found.warnings[0].startswith("libgcc_s.so.1, which ")


def image(*, modules: bool, library: bool) -> ImagePrograms:
    """Return an image with a udevd that opens libkmod, and a program with an optional library."""
    tree = Tree()
    foo = {"soname": ["libfoo.so.1"], "description": "foos"}
    tree.add("/usr/bin/udevadm", File(with_notes([opens(KMOD)]), 0o755))
    tree.add("/usr/bin/kmod", File(with_notes([opens(foo)]), 0o755))
    if modules:
        tree.add("/usr/lib/modules/6.12/kernel/fs/ext4.ko.xz", File(b""))
    if library:
        tree.add("/usr/lib/libkmod.so.2", File(with_notes([])))
    return ImagePrograms(archive_of(tree, Path("test.img")))


def test_udevd_that_cannot_open_libkmod_loads_no_driver() -> None:
    for modules, library, problem in (
        (True, True, False),
        (True, False, True),
        (False, False, False),
    ):
        found = image(modules=modules, library=library).check("udevadm")
        assert found is not None
        assert found.problem.startswith("libkmod.so.2, which /usr/bin/udevadm opens") is problem


def test_a_missing_optional_library_is_a_warning() -> None:
    found = image(modules=True, library=False).check("kmod")
    assert found is not None and found.problem == ""
    assert found.warnings == ("libfoo.so.1, which /usr/bin/kmod opens, is missing: foos",)


def test_a_build_warns_of_a_missing_recommended_library(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(with_notes([opens({"soname": "libfoo.so.1", "description": "foos"})]))
    program.chmod(0o755)
    assembly = Assembly()
    assembly.add_placed([(program, "/usr/bin/program")])
    assembly.close()
    assert assembly.warnings == [f"{program} opens libfoo.so.1, which is not installed: foos"]
