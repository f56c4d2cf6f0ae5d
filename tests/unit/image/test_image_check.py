"""A real generic image against the stacks of real machines, complete and with missing parts (R28).

The stacks were recorded in virtual machines, see tests/record_stacks.py.
"""

import json
import platform
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from fake_system import FakeSystem, nested, virtio_disk
from writing import archive_of, write_image

from initpy.cli import main
from initpy.cli.check import as_json
from initpy.config.project import PROJECT
from initpy.image.build.build import assemble
from initpy.image.build.request import BuildRequest, with_recipe
from initpy.image.check.check import prove
from initpy.image.check.proof import Proof, Verdict
from initpy.image.content.recipe import load_recipe
from initpy.image.formats.archive import Archive
from initpy.image.kernel.kmod import read_index
from initpy.image.kernel.moduletree import module_name, packed
from initpy.image.kernel.tables import module_tables
from initpy.image.stack.describe import describe
from initpy.image.stack.layers import Kind, Stack
from initpy.image.stack.system import Recorded
from initpy.image.tree import File, Tree
from initpy.lab.kernels import Kernel, lab_kernel
from initpy.scenario.parse import load_scenario

STACKS = sorted((Path(__file__).parent / "stacks").glob("*.json"))
POOLS = [path for path in STACKS if path.stem.startswith("zfs-")]  # not for an image without ZFS


def recorded(name: str) -> Stack:
    path = Path(__file__).parent / "stacks" / f"{name}.json"
    return describe("/sysroot", Recorded(path.read_text(), path.name))


@pytest.fixture(scope="module")
def kernel() -> Kernel:
    return lab_kernel()


@pytest.fixture(scope="module")
def tree(kernel: Kernel) -> Tree:
    """Return the tree that `initpy build` collects, including multipath."""
    request = BuildRequest(
        kernel=kernel.version,
        modules=kernel.modules,
        output=Path("/nonexistent/image"),
        jobs=(PROJECT / "jobs", PROJECT / "jobs/extra/multipath.toml"),
    )
    return assemble(with_recipe(request, load_recipe(PROJECT / "build/generic.toml"))).tree


@pytest.fixture(scope="module")
def image(tree: Tree) -> Archive:
    return archive_of(tree, Path("generic.img"))


def without(tree: Tree, kernel: Kernel, left_out: Iterable[str]) -> Archive:
    """Return the image without these modules."""
    folder = f"/usr/lib/modules/{kernel.version}/"
    kept = Tree()
    for path, entry in tree.items():
        if not (path.startswith(folder) and module_name(path) in left_out):
            kept.add(path, entry)
    modules = [
        path.removeprefix(folder)
        for path, _ in kept.items()
        if path.startswith(f"{folder}") and ".ko" in path
    ]
    tables = module_tables(read_index(kernel.modules), modules, kernel.version)
    for name, data in tables.items():
        kept.add(folder + name, File(data), replace=True)
    return archive_of(kept, Path("lacking.img"))


def proof(image: Archive, stack: Stack, kernel: Kernel) -> Proof:
    return prove(image, stack, kernel.version, modules=kernel.modules, run=False)


def bad(found: Proof) -> set[str]:
    return {f"{row.layer}: {row.need}: {row.reason}" for row in found.of(Verdict.MISSING)}


@pytest.mark.parametrize(
    "path", [each for each in STACKS if each not in POOLS], ids=lambda path: path.stem
)
def test_the_generic_image_boots_each_recorded_machine(
    path: Path, image: Archive, kernel: Kernel
) -> None:
    """These machines booted from such an image with the scenario's files."""
    stack = recorded(path.stem)
    assert stack.unknown == ()
    scenario = load_scenario(PROJECT / f"tests/scenarios/{path.stem}.toml")
    entries = {name: File(text.encode()) for name, text in scenario.files}
    whole = Archive(image.path, 0, entries={**image.entries, **entries})
    found = proof(whole, replace(stack, cmdline=scenario.cmdline), kernel)
    assert bad(found) == set()
    # The records of btrfs do not tell which subvolume is the default one, and a record of /sysroot
    # has no devices that only the command line names.
    untold = {"btrfs": "rootflags=", "header": "header"}
    unknown = {row.need for row in found.of(Verdict.UNKNOWN)}
    assert unknown == {need for word, need in untold.items() if word in path.stem}


@pytest.mark.parametrize("path", POOLS, ids=lambda path: path.stem)
def test_an_image_without_zfs_does_not_boot_a_machine_on_a_pool(
    path: Path, image: Archive, kernel: Kernel
) -> None:
    stack = recorded(path.stem)
    found = proof(image, stack, kernel)
    assert {"job", "file system zfs"} <= {row.need for row in found.of(Verdict.MISSING)}
    assert len(stack.layer("fs:/").on) == 2 and stack.unknown == ()


@pytest.mark.parametrize(
    ("name", "layer", "kind", "module"),
    [
        ("lvm-on-luks-on-raid1", "block:md127", Kind.MD, "raid1"),
        ("lvm-on-luks-on-raid1", "block:dm-0", Kind.LUKS, "dm_crypt"),
        ("lvm-on-luks-on-raid1", "block:dm-0", Kind.LUKS, "xts"),
        ("luks-hmac-sha256", "block:dm-1", Kind.LUKS, "authenc"),
        ("luks-hmac-sha256", "block:dm-1", Kind.LUKS, "dm_integrity"),
        ("luks-aegis128", "block:dm-1", Kind.LUKS, "aegis128"),
        ("lvm-on-luks-on-raid1", "fs:/", Kind.FILESYSTEM, "ext4"),
        ("lvm-on-luks-on-raid1", "", Kind.BUS, "virtio_blk"),
        ("btrfs-raid1-late", "fs:/", Kind.FILESYSTEM, "btrfs"),
        ("partuuid-nvme", "", Kind.BUS, "nvme"),
        ("net-nvme-tcp", "", Kind.TARGET, "nvme_tcp"),
        ("net-nvme-tcp", "", Kind.BUS, "virtio_net"),
        ("multipath-path-late", "", Kind.MULTIPATH, "dm_service_time"),
        ("multipath-path-late", "", Kind.BUS, "sd_mod"),
        ("multipath-path-late", "", Kind.BUS, "virtio_scsi"),
        ("lvm-thin", "", Kind.LVM, "dm_thin_pool"),
        ("partlabel-usb-luks1", "", Kind.BUS, "xhci_pci"),
        ("partlabel-usb-luks1", "", Kind.BUS, "usb_storage"),
    ],
)
def test_a_missing_module_is_named_and_the_status_is_77(
    name: str, layer: str, kind: Kind, module: str, tree: Tree, kernel: Kernel
) -> None:
    stack = recorded(name)
    # An implementation for some processors only would do: it is in use there.
    gone = {module, f"{module}_aesni"}
    found = proof(without(tree, kernel, gone), stack, kernel)
    assert found.status == 77
    named = [row for row in found.of(Verdict.MISSING) if row.module in gone]
    assert named, bad(found)
    assert named[0].layer.endswith(f"({kind.value})")
    if layer:
        assert named[0].layer.startswith(stack.layer(layer).name)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "f2fs", "squashfs", "vfat", "tomorrowfs"])
def test_the_kernels_indexes_prove_any_file_system(
    kind: str, tree: Tree, image: Archive, kernel: Kernel
) -> None:
    system = FakeSystem()
    virtio_disk(system, "vda", 1, ID_FS_TYPE=kind)
    system.mount("/", kind, "/dev/vda", "254:16")
    system.load(kind)
    stack = describe("/", system)
    whole, lacking = (
        proof(image, stack, kernel),
        proof(without(tree, kernel, [kind]), stack, kernel),
    )
    if kind in read_index(kernel.modules).paths:
        assert bad(whole) == set()
    else:
        assert not whole.bootable
    assert {row.module for row in lacking.of(Verdict.MISSING)} == {kind}


def test_a_kernel_without_the_roots_file_system(
    tmp_path: Path, tree: Tree, kernel: Kernel, capsys: pytest.CaptureFixture[str]
) -> None:
    """The running kernel has it, and the image's kernel lacks it."""
    system = FakeSystem()
    for slot, name in enumerate(("vda", "vdb"), 1):
        virtio_disk(system, name, slot, ID_FS_TYPE="tomorrowfs")
    system.mount("/", "tomorrowfs", "/dev/vda:/dev/vdb", "0:32")
    system.load("tomorrowfs")
    described = tmp_path / "stack.json"
    described.write_text(describe("/", system).to_json())
    assert '"/dev/vdb"' in described.read_text()
    image = tmp_path / "image"
    write_image(tree, image, "none", None, 0)
    words = ["--stack", str(described), "--modules-dir", str(kernel.modules), "--no-run"]
    assert main(["check", str(image), *words, "--kernel", kernel.version]) == 77
    last = capsys.readouterr().out.splitlines()[-1]
    assert "cannot boot /: 1 of " in last
    assert f"tomorrowfs drives it now, but kernel {kernel.version} has no such module" in last


@pytest.mark.parametrize("program", ["mdadm", "cryptsetup", "lvm", "udevadm"])
def test_a_missing_program_is_named(program: str, image: Archive, kernel: Kernel) -> None:
    entries = {k: v for k, v in image.entries.items() if k.rpartition("/")[2] != program}
    lacking = Archive(image.path, 0, entries=entries)
    found = proof(lacking, recorded("lvm-on-luks-on-raid1"), kernel)
    assert any(row.need == f"program {program}" for row in found.of(Verdict.MISSING))


def test_the_images_python_imports_all_modules_of_the_runtime(
    image: Archive, kernel: Kernel
) -> None:
    found = prove(image, describe("/", nested()), kernel.version, modules=kernel.modules)
    (row,) = (row for row in found.rows if row.need == "Python")
    assert row.verdict is Verdict.OK
    assert "imports its" in row.reason


@pytest.mark.parametrize(
    "gone", ["asyncio/base_events.pyc", "initpy/core/boot.pyc", "pyudev/core.pyc"]
)
def test_a_missing_python_module_is_named(gone: str, image: Archive, kernel: Kernel) -> None:
    entries = {k: v for k, v in image.entries.items() if not k.endswith(f"/{gone}")}
    lacking = Archive(image.path, 0, entries=entries)
    found = prove(lacking, describe("/", nested()), kernel.version, modules=kernel.modules)
    (row,) = (row for row in found.rows if row.need == "Python")
    assert row.verdict is Verdict.MISSING
    assert gone.removesuffix(".pyc").replace("/", ".") in row.reason


@pytest.mark.parametrize(
    ("machine", "verdict", "words"),
    [
        # One that is not known here: its programs cannot be judged.
        ("e2k", Verdict.WARNING, f"for e2k, this machine is {platform.machine()}"),
        ("riscv64", Verdict.MISSING, "is for another machine"),
    ],
)
def test_python_that_cannot_run_here_is_reported_as_untried(
    image: Archive, kernel: Kernel, machine: str, verdict: Verdict, words: str
) -> None:
    system = nested()
    elsewhere = describe("/", system)
    stack = Stack(**{**{name: getattr(elsewhere, name) for name in elsewhere.__slots__},
                     "machine": machine})  # fmt: skip
    found = prove(image, stack, kernel.version, modules=kernel.modules)
    (row,) = (row for row in found.rows if row.need == "Python")
    assert row.verdict is verdict
    assert words in row.reason


@pytest.mark.parametrize(
    "gone", ["asyncio/base_events.pyc", "initpy/core/boot.pyc", "pyudev/core.pyc"]
)
def test_a_missing_python_module_is_found_without_running_python(
    gone: str, image: Archive, kernel: Kernel
) -> None:
    entries = {k: v for k, v in image.entries.items() if f"/{gone}" not in k}
    lacking = Archive(image.path, 0, entries=entries)
    assert entries.keys() != image.entries.keys()
    found = prove(lacking, describe("/", nested()), kernel.version, modules=kernel.modules,
                  run=False)  # fmt: skip
    (row,) = (row for row in found.rows if row.need == "Python")
    assert row.verdict is Verdict.MISSING
    assert gone.removesuffix(".pyc").replace("/", ".") in row.reason


@pytest.mark.parametrize(
    ("start", "verdict", "words"),
    [
        (b"\1\2\r\n", Verdict.WARNING, "of another Python"),
        (b"\0\0\0\0", Verdict.MISSING, "is no bytecode"),
    ],
)
def test_bytecode_of_another_python_is_reported_as_unreadable(
    start: bytes, verdict: Verdict, words: str, image: Archive, kernel: Kernel
) -> None:
    entries = dict(image.entries)
    path = next(path for path in entries if path.endswith("/initpy/core/boot.pyc"))
    entries[path] = File(start + bytes(100))
    found = prove(Archive(image.path, 0, entries=entries), describe("/", nested()),
                  kernel.version, modules=kernel.modules, run=False)  # fmt: skip
    (row,) = (row for row in found.rows if row.need == "Python")
    assert row.verdict is verdict
    assert words in row.reason


def test_an_empty_modules_dep_in_a_real_image(tree: Tree, kernel: Kernel) -> None:
    archive = archive_of(tree, Path("empty.img"))
    path = f"/usr/lib/modules/{kernel.version}/modules.dep.bin"
    archive.entries[path] = File(bytes.fromhex("b007f457 00020001 00000000"))
    assert packed(archive, kernel.version).dependencies == {}
    found = proof(archive, recorded("lvm-on-luks-on-raid1"), kernel)
    assert any("modules.dep is empty" in row.reason for row in found.of(Verdict.MISSING))


def test_an_image_for_another_kernel_has_none_of_the_modules(
    image: Archive, kernel: Kernel
) -> None:
    stack = recorded("lvm-on-luks-on-raid1")
    found = prove(image, stack, "6.0.0-other", modules=kernel.modules, run=False)
    assert not found.bootable


@pytest.fixture(scope="module")
def file(tree: Tree, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("images") / "generic.img"
    write_image(tree, path, "zstd", 1, 0)
    return path


@pytest.fixture
def stack_file(tmp_path: Path) -> Path:
    path = tmp_path / "stack.json"
    path.write_text(recorded("lvm-on-luks-on-raid1").to_json())
    return path


def words(kernel: Kernel, *more: object) -> list[str]:
    cmdline = load_scenario(PROJECT / "tests/scenarios/lvm-on-luks-on-raid1.toml").cmdline
    given = ["--cmdline", cmdline, "--modules-dir", str(kernel.modules), "--no-run"]
    return ["check", *given, *map(str, more)]


def test_a_table_and_a_closing_line(
    file: Path, stack_file: Path, kernel: Kernel, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(kernel, file, "--stack", stack_file)) == 0
    out = capsys.readouterr().out
    assert "/dev/md127 (md)" in out
    assert "can boot /sysroot: all" in out.splitlines()[-1]


def test_json_has_the_rows_and_the_verdict(
    file: Path, stack_file: Path, kernel: Kernel, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(kernel, file, "--stack", stack_file, "--json")) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["bootable"] is True
    assert content["status"] == 0
    assert {"layer", "need", "verdict", "reason", "module"} == set(content["rows"][0])


def test_an_image_that_cannot_boot_ends_with_77(
    tree: Tree, stack_file: Path, kernel: Kernel, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    lacking = Tree()
    for path, entry in without(tree, kernel, ["raid1"]).items():
        lacking.add(path, entry)
    write_image(lacking, tmp_path / "image", "zstd", 1, 0)
    assert main(words(kernel, tmp_path / "image", "--stack", stack_file)) == 77
    assert "raid1" in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize("given", [[], ["IMAGE", "--stack", "/nonexistent"], ["/dev/null"]])
def test_wrong_usage_and_input_end_with_2(
    given: list[str], file: Path, stack_file: Path, kernel: Kernel,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    named = [str(file) if word == "IMAGE" else word for word in given]
    more = ["--stack", stack_file] if given == ["/dev/null"] else []
    assert main(words(kernel, *named, *more)) == 2
    assert capsys.readouterr().err.startswith("initpy: ")


def test_a_root_that_cannot_be_described_ends_with_3(
    file: Path, kernel: Kernel, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(kernel, file, "--root", "UUID=none-such")) == 3
    assert "no device of that name" in capsys.readouterr().err


def test_the_json_of_a_proof_names_image_and_root(image: Archive, kernel: Kernel) -> None:
    content = as_json(proof(image, recorded("lvm-on-luks-on-raid1"), kernel))
    assert (content["image"], content["kernel"]) == ("generic.img", kernel.version)
