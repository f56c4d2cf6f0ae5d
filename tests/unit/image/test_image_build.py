"""Complete builds, without this machine's kernel and without a virtual machine."""

import errno
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from fake_kernel import Module, make_kernel
from fake_modules import VERSION, make_modules

from initpy.cli import main
from initpy.config.errors import InputError
from initpy.image.build.build import assemble, build
from initpy.image.build.request import BuildRequest
from initpy.image.build.summary import warning_lines
from initpy.image.content import layout, networklibrary, stage
from initpy.image.content.identity import identity_of
from initpy.image.content.python import find_interpreter
from initpy.image.content.recipe import project_folder
from initpy.image.formats import machines
from initpy.image.missing import IncompleteError
from initpy.image.stack.layers import RESUME, Kind, Layer, Stack
from initpy.image.tree import File, Link, Tree

MODULES = [("kernel/drivers/md/md-mod.ko", ""), ("kernel/drivers/md/raid1.ko", "md_mod")]


@pytest.fixture
def request_without_python(tmp_path: Path) -> BuildRequest:
    """Return the request for a lab helper's image: its own script, busybox, a driver."""
    return BuildRequest(
        kernel=VERSION,
        modules=make_modules(tmp_path / "kernel", MODULES),
        output=tmp_path / "image",
        jobs=(),
        programs=("kmod", "/bin/ls"),
        drivers=("raid1",),
        init=b"#!/bin/sh\n",
        python=False,
        level=1,
    )


def listing(image: Path) -> set[str]:
    data = subprocess.run(["zstd", "-dcq", str(image)], capture_output=True, check=True).stdout
    done = subprocess.run(["cpio", "-t", "--quiet"], input=data, capture_output=True, check=True)
    return set(done.stdout.decode().splitlines())


def test_a_build_without_python(request_without_python: BuildRequest) -> None:
    report = build(request_without_python)
    names = listing(report.output)
    assert {"init", "dev/console", "etc/ld.so.cache", "usr/sbin/modprobe"} <= names
    assert f"usr/lib/modules/{VERSION}/kernel/drivers/md/md-mod.ko" in names
    assert f"usr/lib/modules/{VERSION}/modules.dep.bin" in names
    assert not any("python" in name for name in names)


def test_the_same_content_gives_the_same_bytes(request_without_python: BuildRequest) -> None:
    build(request_without_python)
    first = request_without_python.output.read_bytes()
    build(request_without_python)
    assert request_without_python.output.read_bytes() == first


@pytest.fixture
def request_with_python(request_without_python: BuildRequest, tmp_path: Path) -> BuildRequest:
    job = tmp_path / "minimal.toml"
    job.write_text('summary = "minimal"\n[image]\nprograms = ["udevadm"]\npython = ["pyudev"]\n')
    return replace(request_without_python, python=True, init=None, jobs=(job,))


def test_a_cached_build_gives_the_same_bytes(
    request_with_python: BuildRequest, tmp_path: Path
) -> None:
    images = []
    for cache in (None, tmp_path / "cache", tmp_path / "cache"):
        build(replace(request_with_python, cache=cache))
        images.append(request_with_python.output.read_bytes())
    assert images[0] == images[1] == images[2]
    assert (tmp_path / "cache").stat().st_size > 1_000_000


def test_collecting_alone_writes_no_cache(
    request_with_python: BuildRequest, tmp_path: Path
) -> None:
    assemble(replace(request_with_python, cache=tmp_path / "cache"))
    assert not (tmp_path / "cache").exists()


def test_all_missing_items_are_listed_and_the_old_image_stays(
    request_without_python: BuildRequest, tmp_path: Path
) -> None:
    job = tmp_path / "mine.toml"
    job.write_text(
        'summary = "mine"\n[image]\nprograms = ["no-such-program"]\nmodules = ["no-such-module"]\n'
        'rules = ["no-such.rules"]\nfiles = ["/no/such/file"]\noptional = ["/no/such/other"]\n'
    )
    request_without_python.output.write_bytes(b"old")
    with pytest.raises(IncompleteError) as caught:
        build(replace(request_without_python, jobs=(job,)))
    assert {item.name for item in caught.value.missing} == {
        "no-such-program",
        "no-such-module",
        "no-such.rules",
        "/no/such/file",
    }
    assert {item.wanted_by for item in caught.value.missing} == {"jobs/mine.toml"}
    assert request_without_python.output.read_bytes() == b"old"


def test_a_trial_that_fails_during_the_write_leaves_the_old_image(
    request_without_python: BuildRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(root: Path) -> bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(root))

    request_without_python.output.write_bytes(b"old")
    monkeypatch.setattr(stage, "library_cache", full)
    # The temporary folder is full, not the image's folder: that would be a NoSpaceError.
    with pytest.raises(OSError, match="initpy-check-") as caught:
        build(request_without_python)
    assert caught.type is OSError
    assert request_without_python.output.read_bytes() == b"old"
    assert not list(request_without_python.output.parent.glob("*.new*"))


def test_tools_of_the_build_itself_are_listed_with_the_rest(
    request_without_python: BuildRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("initpy.image.build.build.TOOLS", ("no-such-depmod", "ldconfig"))
    with pytest.raises(IncompleteError) as caught:
        build(replace(request_without_python, programs=("no-such-program",), drivers=("no",)))
    found = {(item.kind, item.name) for item in caught.value.missing}
    assert found == {("tool", "no-such-depmod"), ("program", "no-such-program"), ("module", "no")}


def test_a_job_file_that_does_not_validate_fails_the_build(
    request_without_python: BuildRequest, tmp_path: Path
) -> None:
    job = tmp_path / "broken.toml"
    job.write_text('summary = "broken"\n[image]\nprogrammes = []\n')
    with pytest.raises(InputError, match=r"broken\.toml.*programmes"):
        build(replace(request_without_python, jobs=(job,)))


def test_a_job_file_replaces_its_namesake(
    request_without_python: BuildRequest, tmp_path: Path
) -> None:
    for folder in ("built-in", "mine"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "zfs.toml").write_text(f'summary = "{folder}"\n')
    jobs = (tmp_path / "built-in", tmp_path / "mine")
    tree = assemble(replace(request_without_python, jobs=jobs)).tree
    entry = tree.get("/usr/lib/initpy/jobs/zfs.json")
    assert isinstance(entry, File) and b"mine" in entry.read()


def test_an_image_without_the_library_of_the_network_is_made_without_one_and_says_so(
    request_without_python: BuildRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most roots are local: a package that they do not need is no reason for no image."""
    links = tmp_path / "network-links.toml"
    links.write_text('summary = "links"\n[image]\npython = ["pyroute2"]\n')
    request = replace(request_without_python, jobs=(links,))
    monkeypatch.setattr(networklibrary, "is_installed", lambda: False)
    assembled = assemble(request)
    assert assembled.tree.get("/usr/lib/initpy/jobs/network-links.json") is None
    assert any("apt install python3-pyroute2" in each for each in assembled.warnings)
    assert not assemble(replace(request, network=False)).warnings
    monkeypatch.setattr(networklibrary, "is_installed", lambda: True)
    assembled = assemble(request)
    assert assembled.tree.get("/usr/lib/initpy/jobs/network-links.json") is not None
    assert not assembled.warnings


def test_files_of_the_request_override_others(
    request_without_python: BuildRequest, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    key.write_bytes(b"k")
    key.chmod(0o400)
    files = ((key, "/etc/keys/root"), (key, "/etc/initrd-release"))
    report = build(replace(request_without_python, files=files))
    assert report.assembled.tree.get("/etc/initrd-release") == File(key, 0o400)
    assert report.output.stat().st_mode & 0o777 == 0o600


def test_a_damaged_program_fails_the_build(
    request_without_python: BuildRequest, tmp_path: Path
) -> None:
    program = Path("/usr/bin/ls").read_bytes()
    (tmp_path / "ls").write_bytes(program[: len(program) // 2])
    with pytest.raises(IncompleteError, match="not a whole ELF file"):
        build(replace(request_without_python, files=((tmp_path / "ls", "/usr/bin/broken"),)))


def test_the_trial_loads_programs_and_finds_one_that_cannot_be_loaded(
    tmp_path: Path,
) -> None:
    if not stage.may_change_root():
        pytest.skip("neither root nor user namespaces")
    tree = Tree()
    layout.add_layout(tree)
    tree.add_host(Path("/bin/ls"))
    loader = "/lib64/ld-linux-x86-64.so.2"
    tree.add_host(Path(loader))
    stage.write_out(tree, tmp_path)
    (problem,) = stage.check_programs(tmp_path, [("/usr/bin/ls", loader)])
    assert "libc.so.6" in problem or "libselinux" in problem


def test_busybox_replaces_absent_programs(
    request_without_python: BuildRequest,
) -> None:
    tree = assemble(replace(request_without_python, programs=("busybox", "/bin/ls"))).tree
    assert tree.get("/bin/sh") == Link("/usr/bin/busybox")
    assert isinstance(tree.get("/bin/ls"), File)
    assert "/sbin/init" not in tree


def test_a_crypttab_is_checked_at_build_time(
    request_without_python: BuildRequest, tmp_path: Path
) -> None:
    crypttab = tmp_path / "crypttab"
    crypttab.write_text("a /dev/sda1 /etc/keys/a luks\nb nonsense\nc /dev/sdb1 none luks\n")
    request = replace(request_without_python, files=((crypttab, "/etc/crypttab"),))
    warnings = assemble(request).warnings
    assert any("--add /etc/keys/a:/etc/keys/a" in line for line in warnings)
    assert any("/etc/crypttab:2" in line for line in warnings)
    assert len(warnings) == 2
    key = (crypttab, "/etc/keys/a")
    assert len(assemble(replace(request, files=(*request.files, key))).warnings) == 1


def test_key_scripts_come_along_for_the_volumes_that_the_image_opens(
    request_without_python: BuildRequest, tmp_path: Path
) -> None:
    for name in ("give", "other"):
        (tmp_path / name).write_text("#!/usr/bin/find\n")
        (tmp_path / name).chmod(0o755)
    crypttab = tmp_path / "crypttab"
    crypttab.write_text(
        f"a /dev/sda1 none luks,initramfs,keyscript={tmp_path}/give\n"
        f"b /dev/sdb1 none luks,keyscript={tmp_path}/other\n"
    )
    request = replace(request_without_python, crypttab=crypttab, identity=identity_of("deb\n"))
    assembled = assemble(request)
    assert f"{tmp_path}/give" in assembled.tree
    assert "/usr/bin/find" in assembled.tree
    assert f"{tmp_path}/other" not in assembled.tree


def test_an_installation_needs_what_reads_its_image(
    request_without_python: BuildRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)  # as if it were not installed
    assemble(request_without_python)
    with pytest.raises(IncompleteError, match="to get them: apt install python3-zstandard"):
        assemble(replace(request_without_python, proved=True))


def test_debians_pattern_names_key_files(
    request_without_python: BuildRequest, tmp_path: Path
) -> None:
    base = tmp_path / "mnt"
    for path, content in (
        ("etc/keys/root.key", "secret"),
        ("etc/cryptsetup-initramfs/conf-hook", "KEYFILE_PATTERN=/etc/keys/*.key\n"),
        ("etc/crypttab", "root UUID=5a /etc/keys/root.key luks,initramfs\n"
                         "home UUID=5b /etc/keys/home.key luks\n"),
    ):  # fmt: skip
        (base / path).parent.mkdir(parents=True, exist_ok=True)
        (base / path).write_text(content)
    (base / "etc/keys/home.key").write_text("another secret")
    identity = identity_of("deb\n", base=str(base))
    crypttab = base / "etc/crypttab"
    assembled = assemble(replace(request_without_python, crypttab=crypttab, identity=identity))
    key = assembled.tree.get("/etc/keys/root.key")
    assert isinstance(key, File)
    assert (key.read(), key.mode) == (b"secret", 0o600)
    assert "/etc/keys/home.key" not in assembled.tree


@pytest.mark.parametrize(
    ("files", "resume"), [((), None), (("/etc/keys/swap",), b"resume=/dev/mapper/swap\n")]
)
def test_a_swap_whose_key_is_on_root_is_left_to_the_real_system(
    request_without_python: BuildRequest,
    tmp_path: Path,
    files: tuple[str, ...],
    resume: bytes | None,
) -> None:
    crypttab = tmp_path / "crypttab"
    crypttab.write_text("swap UUID=5a /etc/keys/swap luks,discard\n")
    root = Layer("fs:/", Kind.FILESYSTEM, "ext4", on=("block:vda",))
    disk = Layer("block:vda", Kind.DISK, "/dev/vda")
    swap = Layer("block:dm-1", Kind.LUKS, "/dev/mapper/swap", on=("block:vdb",),
                 facts=((RESUME, "/dev/mapper/swap"),),
                 properties=(("DM_NAME", "swap"),))  # fmt: skip
    below = Layer("block:vdb", Kind.DISK, "/dev/vdb")
    layers = (root, disk, swap, below)
    stack = Stack("/", VERSION, "x86_64", ("fs:/",), layers, resume="/dev/mapper/swap")
    request = replace(
        request_without_python,
        crypttab=crypttab,
        root=stack,
        resume=stack.resume,
        files=tuple((crypttab, path) for path in files),
    )
    assembled = assemble(request)
    found = assembled.tree.get("/etc/initpy/parameters")
    assert (found.read() if isinstance(found, File) else None) == resume
    kept = assembled.tree.get("/etc/crypttab")
    assert (isinstance(kept, File) and b"discard,x-initrd.attach" in kept.read()) is bool(resume)
    told = any("opens with the key file /etc/keys/swap" in each for each in assembled.warnings)
    assert told is (resume is None)


def test_a_kernel_must_be_a_release(request_without_python: BuildRequest) -> None:
    with pytest.raises(InputError, match="kernel: 'latest'"):
        build(replace(request_without_python, kernel="latest"))


def test_keys_are_not_copied_to_temporary_folders(tmp_path: Path) -> None:
    tree = Tree()
    tree.add("/etc/key", File(b"secret", 0o600))
    tree.add("/etc/open", File(b"open"))
    stage.write_out(tree, tmp_path)
    assert [path.name for path in (tmp_path / "etc").iterdir()] == ["open"]


def test_without_python_an_init_is_needed(request_without_python: BuildRequest) -> None:
    with pytest.raises(InputError, match="init"):
        build(replace(request_without_python, init=None))


def test_the_runtime_is_imported_inside_the_image(request_with_python: BuildRequest) -> None:
    report = build(request_with_python)
    names = listing(report.output)
    version = find_interpreter().version
    library = f"usr/lib/python{version}"
    assert {f"{library}/initpy/runtime/supervisor.pyc", f"{library}/os.pyc"} <= names
    assert not any(name.endswith(".py") for name in names)
    entry = report.assembled.tree.get("/init")
    first = f"#!/usr/bin/python{version} -ISB\n".encode()
    assert isinstance(entry, File) and entry.read().startswith(first)


def test_the_command_builds_and_reports(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "x")
    assert main(["build"]) == 2
    assert "SOURCE_DATE_EPOCH" in capsys.readouterr().err
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    assert main(["build", "--add", "etc/passwd"]) == 2
    assert main(["build", "--add", "/no/such:/x"]) == 2
    assert "--add: '/no/such:/x'" in capsys.readouterr().err
    words = ["build", "--kernel", VERSION, "--modules-dir", str(tmp_path / "none")]
    (tmp_path / "none").mkdir()
    (tmp_path / "none/a.ko").touch()  # depmod has not run
    output = tmp_path / "image"
    output.write_bytes(b"old")
    assert main([*words, "--output", str(output), "--program", "no-such-program"]) == 1
    complaint = capsys.readouterr().err
    assert "no-such-program" in complaint and "modules.dep" in complaint
    assert f"{output} is unchanged" in complaint
    assert output.read_bytes() == b"old"


def test_the_projects_own_job_files_validate() -> None:
    from initpy.image.content.needs import gather, load_jobs

    needs = gather(load_jobs([project_folder("jobs")]))
    assert needs.programs and needs.modules and needs.rules
    # udev must not start arrays or groups without the engine.
    rules = {each.name for each in needs.rules}
    assert not rules & {"64-md-raid-assembly.rules", "69-lvm.rules", "64-btrfs.rules"}


def test_a_script_may_name_its_interpreter_without_a_path(
    request_without_python: BuildRequest, tmp_path: Path
) -> None:
    script = tmp_path / "script"
    script.write_text("#!/usr/bin/env find\n")
    script.chmod(0o755)
    request = replace(request_without_python, files=((script, "/usr/bin/script"),))
    assert "/usr/bin/find" in assemble(request).tree


def test_a_generic_image_skips_modules_that_the_kernel_lacks(
    request_without_python: BuildRequest, tmp_path: Path
) -> None:
    """Linux 6.8 removed linear and multipath, 7.0 aes_generic; others exist on one architecture."""
    jobs = tuple(project_folder("jobs") / f"{name}.toml" for name in ("luks", "md", "root"))
    request = replace(
        request_without_python, jobs=jobs, recipe_drivers=("nvme", "drivers/ata/", "arch/x86/")
    )
    assembled = assemble(request)
    assert {want.what for want in assembled.absent_drivers} >= {
        "dm-crypt", "aes_generic", "linear", "multipath", "crc32c", "nvme", "drivers/ata/",
    }  # fmt: skip
    technology = f"jobs/luks.toml: kernel {VERSION} has no dm-mod, dm-crypt"
    lines = [line for line in warning_lines(assembled, verbose=False) if "kernel" in line]
    assert [line.partition(";")[0] for line in lines] == [technology]
    more = "\n".join(warning_lines(assembled, verbose=True))
    assert technology in more
    assert f"the recipe: kernel {VERSION} has no nvme, drivers/ata/, arch/x86/" in more
    assert "raid10" in more and "raid1," not in more


def test_a_host_only_image_has_the_modules_of_its_technologies(
    request_without_python: BuildRequest,
) -> None:
    encrypted = Layer("vda2", Kind.PARTITION, "vda2", properties=(("ID_FS_TYPE", "crypto_LUKS"),))
    jobs = (project_folder("jobs") / "luks.toml",)
    stack = Stack("/", VERSION, "x86_64", (), (encrypted,))
    with pytest.raises(IncompleteError) as caught:
        assemble(replace(request_without_python, jobs=jobs, stack=stack))
    assert {item.name for item in caught.value.missing} == {"dm-mod", "dm-crypt"}


@pytest.mark.parametrize(
    ("module", "program", "runs"),
    [
        (("EM_X86_64", 64), ("EM_X86_64", 64), True),
        (("EM_X86_64", 64), ("EM_386", 32), True),  # Debian's i386 with a kernel of 64 bits
        (("EM_386", 32), ("EM_X86_64", 64), False),
        (("EM_AARCH64", 64), ("EM_X86_64", 64), False),
        (("EM_AARCH64", 64), ("EM_ARM", 32), True),
        (("EM_ALPHA", 64), ("EM_X86_64", 64), True),  # unknown
    ],
)
def test_which_kernels_run_which_programs(
    module: machines.Kind, program: machines.Kind, runs: bool
) -> None:
    assert machines.takes(module, program) is runs


def test_a_kernel_of_another_machine_is_refused(
    request_without_python: BuildRequest, tmp_path: Path
) -> None:
    """Its modules would be beside programs that it cannot run."""
    folder = make_kernel(tmp_path / "arm", [Module("kernel/fs/some.ko", elf_machine=183)])
    request = replace(request_without_python, kernel=folder.name, modules=folder, drivers=("some",))
    with pytest.raises(InputError, match="not one for aarch64, 64 bits"):
        build(request)
    assert not request.output.exists()


def test_what_scripts_start_with_comes_along(
    request_without_python: BuildRequest, tmp_path: Path
) -> None:
    """An interpreter that is a script, env(1) with options, a line that ends as on Windows."""
    inner, outer, windows = (tmp_path / name for name in ("inner", "outer", "windows"))
    inner.write_text("#!/usr/bin/env -S FOO=1 bash -e\n")
    outer.write_text(f"#!{inner}\n")
    windows.write_text("#!/bin/sh\r\n")
    for each in (inner, outer, windows):
        each.chmod(0o755)
    files = tuple((each, str(each)) for each in (outer, windows))
    found = assemble(replace(request_without_python, programs=(), files=files))
    assert {str(inner), "/usr/bin/env", "/usr/bin/bash"} <= {path for path, _ in found.tree.items()}
    assert f"script {windows}: its first line ends with a carriage return: it does not start" in (
        found.warnings
    )
