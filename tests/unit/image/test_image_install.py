"""`initpy install`: its failures and their exit statuses (R28, R29)."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fake_kernel import VERSION, Module, make_kernel
from fake_system import nested
from rootstack import EXT4_ON_VIRTIO
from smallfs import mounted_tmpfs

from initpy.cli import main
from initpy.image.build import place as placing
from initpy.image.build import request
from initpy.image.build.place import claim
from initpy.image.kernel.kernels import (
    buildable_kernels,
    installed_kernels,
    kernel_file,
    modules_folder,
)
from initpy.image.stack.describe import StackError, describe
from initpy.image.stack.layers import Kind, Layer, Stack
from initpy.image.stack.ownroot import elsewhere, find_target
from initpy.image.status import Status

EXT4 = Module("kernel/fs/ext4.ko", alias=("fs-ext4",))
VIRTIO_BLK = Module("kernel/drivers/block/virtio_blk.ko", alias=("virtio:d00000002v*",))


@pytest.fixture
def call(tmp_path: Path) -> list[str]:
    """Return the parameters of a host-only installation for a machine with all drivers."""
    modules = make_kernel(tmp_path / "kernel", [EXT4, VIRTIO_BLK])
    (tmp_path / "boot").mkdir()
    (tmp_path / "etc").mkdir()
    (tmp_path / "stack.json").write_text(EXT4_ON_VIRTIO)
    return [
        "install", "--kernel", VERSION, "--modules-dir", str(modules), "--recipe", "minimal",
        "--config", str(tmp_path / "etc"), "--stack", str(tmp_path / "stack.json"),
        "--output", str(tmp_path / "boot/{kernel}.img"), "--level", "1", "--microcode", "none",
    ]  # fmt: skip


def image(folder: Path) -> Path:
    return folder / f"boot/{VERSION}.img"


def test_an_image_that_boots_is_installed(
    call: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(call) == Status.OK
    said = capsys.readouterr()
    assert "it boots /" in said.out
    proof = ["check", str(image(tmp_path)), *call[1:5], *call[9:11]]
    assert main([*proof, "--cmdline", "root=UUID=7a0c"]) == Status.OK
    assert main([*proof, "--cmdline", "root=/dev/vda"]) == Status.OK
    assert main([*proof, "--cmdline", "root=UUID=stale"]) == Status.CANNOT_BOOT
    assert main([*call, "--remove", "--quiet"]) == Status.OK
    assert list((tmp_path / "boot").iterdir()) == []


def test_an_image_that_cannot_boot_is_not_installed(
    call: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image(tmp_path).write_bytes(b"old")
    folder = make_kernel(tmp_path / "other", [EXT4])
    call[call.index("--modules-dir") + 1] = str(folder)
    status, said = main(call), capsys.readouterr().err
    assert status == Status.CANNOT_BOOT, said
    assert "virtio" in said and "is unchanged" in said
    assert image(tmp_path).read_bytes() == b"old"
    assert len(list((tmp_path / "boot").iterdir())) == 1


def test_the_user_can_skip_the_proof(call: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*call, "--no-check"]) == Status.OK
    assert "it is not checked whether the image boots" in capsys.readouterr().err


def test_another_run_holds_the_lock(call: list[str], tmp_path: Path) -> None:
    with claim(image(tmp_path)):
        assert main([*call, "--no-wait"]) == Status.BUSY


def test_too_little_room(
    call: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with mounted_tmpfs(tmp_path / "boot", 1_000_000):
        image(tmp_path).write_bytes(b"old")
        assert main(call) == Status.NO_SPACE
        assert [path.read_bytes() for path in (tmp_path / "boot").iterdir()] == [b"old"]
    said = capsys.readouterr().err
    assert "1.0 MB are free" in said and "is unchanged" in said


def test_a_disk_that_fails_after_the_rename(
    call: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The new image is in place: it must not be said that nothing was installed."""

    def fail(folder: Path) -> None:
        raise OSError(5, "Input/output error", str(folder))

    image(tmp_path).write_bytes(b"old")
    monkeypatch.setattr(placing, "sync_folder", fail)
    assert main(call) == Status.FAILED
    assert image(tmp_path).stat().st_size > 1000
    said = capsys.readouterr().err
    assert "the new image is in place" in said and "nothing was installed" not in said


def test_wrong_parameters(call: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    wrong = (["--keep", "10"], ["--all"], ["--recipe", "none"], ["--level", "77"])
    for each in wrong:
        assert main([*call, *each]) == Status.USAGE
        assert len(capsys.readouterr().err.splitlines()) <= 2
    assert main(["install", "--remove"]) == Status.USAGE


def test_a_root_that_cannot_be_described(
    call: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call[call.index("--recipe") + 1] = "generic"
    where = call.index("--stack")
    del call[where : where + 2]
    assert main([*call, "--root", "UUID=no-such-root"]) == Status.USAGE
    said = capsys.readouterr().err
    assert "no device of that name is there" in said and "nothing was installed" in said


def test_a_tool_is_not_installed(
    call: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("initpy.image.content.programs.SEARCHED", (tmp_path,))
    assert main(call) == Status.NO_TOOL


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_an_interrupted_run(call: list[str], tmp_path: Path, number: int, status: int) -> None:
    image(tmp_path).write_bytes(b"old")
    with subprocess.Popen(
        [sys.executable, "-m", "initpy", *call], stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stderr is not None
        assert running.stderr.readline() == "initpy: reading job files\n"
        running.send_signal(number)
        assert "Traceback" not in running.stderr.read()
    assert running.returncode == status
    assert [path.read_bytes() for path in (tmp_path / "boot").iterdir()] == [b"old"]


def test_a_run_that_waits_can_be_interrupted(call: list[str], tmp_path: Path) -> None:
    with (
        claim(image(tmp_path)),
        subprocess.Popen(
            [sys.executable, "-m", "initpy", *call], stderr=subprocess.PIPE, text=True
        ) as running,
    ):
        assert running.stderr is not None
        assert "waiting for another run" in running.stderr.readline()
        running.send_signal(signal.SIGINT)
        running.wait()
    assert running.returncode == 130


def test_installed_kernels_have_modules_and_a_kernel_file(tmp_path: Path) -> None:
    for version in ("6.10.2-1", "6.9.1-1", "5.10-leftover", "6.1-bare"):
        (tmp_path / "modules" / version).mkdir(parents=True)
        if version != "6.1-bare":
            (tmp_path / "modules" / version / "modules.dep").touch()
    (tmp_path / "boot").mkdir()
    for version in ("6.10.2-1", "6.1-bare"):
        (tmp_path / f"boot/vmlinuz-{version}").touch()
    (tmp_path / "modules/6.9.1-1/vmlinuz").touch()
    modules, boot = tmp_path / "modules", tmp_path / "boot"
    # That depmod was not run for a kernel is for the build to say.
    assert installed_kernels([modules], boot) == ["6.1-bare", "6.9.1-1", "6.10.2-1"]
    assert installed_kernels([tmp_path / "none"], boot) == []
    assert installed_kernels([tmp_path / "none", modules, modules], boot) == [
        "6.1-bare",
        "6.9.1-1",
        "6.10.2-1",
    ]


def test_modules_are_found_in_either_folder(tmp_path: Path) -> None:
    """Debian 13's kernels have only /usr/lib/modules; some systems have no merged /usr."""
    usr, root = tmp_path / "usr/lib/modules", tmp_path / "lib/modules"
    (root / "6.1").mkdir(parents=True)
    assert modules_folder("6.1", [usr, root]) == root / "6.1"
    (usr / "6.12").mkdir(parents=True)
    assert modules_folder("6.12", [usr, root]) == usr / "6.12"
    assert modules_folder("7.0", [usr, root]) == root / "7.0"


@pytest.mark.parametrize(
    "place",
    [
        "usr/lib/modules/6.12/vmlinuz",
        "usr/lib/modules/6.12/Image",
        "boot/vmlinuz-6.12",
        "boot/vmlinux-6.12",
        "boot/Image-6.12",
        "boot/image-6.12",
        "boot/vmlinuz-6.12.efi",
        "boot/kernel-genkernel-x86_64-6.12",
        "boot/0123456789abcdef0123456789abcdef/6.12/linux",
        "boot/debian/6.12/linux",
    ],
)
@pytest.mark.parametrize("library", ["lib", "usr/lib"])
def test_a_kernel_is_in_boot_or_next_to_its_modules(
    tmp_path: Path, place: str, library: str
) -> None:
    modules = tmp_path / library / "modules/6.12"
    modules.mkdir(parents=True)
    file = tmp_path / place.replace("usr/lib", library)
    assert kernel_file("6.12", modules, tmp_path / "none") is None
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    assert kernel_file("6.12", modules, tmp_path / "none") == file


@pytest.mark.parametrize("name", ["vmlinuz-linux", "vmlinuz-lts", "kernel-flavour"])
def test_a_kernel_that_is_named_after_a_flavour_says_its_release(tmp_path: Path, name: str) -> None:
    modules = tmp_path / "lib/modules/6.12.1-arch1"
    boot = tmp_path / "boot"
    for each in (modules, boot, boot / "vmlinuz-folder"):
        each.mkdir(parents=True)
    head = bytearray(0x1000)
    head[0x202:0x206] = b"HdrS"
    head[0x20E:0x210] = (0x400).to_bytes(2, "little")
    head[0x600:0x620] = b"6.12.1-arch1 (linux@archlinux) #"
    (boot / name).write_bytes(head)
    os.mkfifo(boot / "vmlinuz-pipe")
    assert kernel_file("6.12.1-arch1", modules, boot) == boot / name
    assert kernel_file("6.12.1", modules, boot) is None


def test_modules_without_a_kernel_are_enough_to_build_for(tmp_path: Path) -> None:
    """A container, or CI, has the modules of the kernel that it builds for and no /boot."""
    for version in ("6.9.0-1", "6.10.0-1", "6.1-leftover"):
        (tmp_path / version).mkdir()
    for version in ("6.9.0-1", "6.10.0-1"):
        (tmp_path / version / "modules.dep").touch()
    assert buildable_kernels([tmp_path], tmp_path / "boot") == ["6.9.0-1", "6.10.0-1"]
    assert installed_kernels([tmp_path], tmp_path / "boot") == []


def stack(*kinds: Kind) -> Stack:
    layers = tuple(Layer(f"{kind}", kind, f"the {kind}") for kind in kinds)
    return Stack("/", VERSION, "x86_64", (), layers)


def unseen(_: str) -> Stack:
    raise StackError("no device that / stands on can be seen")


def test_the_image_must_boot_this_machines_root() -> None:
    own = stack(Kind.DISK)
    assert find_target(place=lambda: None, described=lambda _: own).stack is own
    with pytest.raises(StackError):
        find_target(place=lambda: None, described=unseen)


def test_an_installers_chroot_shows_the_root() -> None:
    own = stack(Kind.DISK)
    assert find_target(place=lambda: "a chroot", described=lambda _: own).stack == own


def test_a_chroot_on_a_disk_image_shows_no_root() -> None:
    on_file = stack(Kind.LOOP, Kind.DISK)
    for place, described in (
        ("a chroot", unseen),
        ("a chroot", lambda _: on_file),
        ("a container", lambda _: stack(Kind.DISK)),
    ):
        found = find_target(place=lambda place=place: place, described=described)  # type: ignore[misc]
        assert found.stack is None and place in found.reason


def test_a_named_root_applies_everywhere() -> None:
    own = stack(Kind.DISK)
    found = find_target("UUID=1", place=lambda: "a container", described=lambda _: own)
    assert found.stack is own


def test_containers_are_detected_by_the_files_of_their_makers(tmp_path: Path) -> None:
    (tmp_path / "proc/1").mkdir(parents=True)
    (tmp_path / "proc/1/root").symlink_to(tmp_path)
    assert elsewhere(tmp_path) is None
    (tmp_path / "proc/1/root").unlink()
    (tmp_path / "proc/1/root").symlink_to("/")
    assert elsewhere(tmp_path) == "a chroot"
    (tmp_path / ".dockerenv").touch()
    assert elsewhere(tmp_path) == "perhaps a container"
    (tmp_path / "run").mkdir()
    (tmp_path / "run/.containerenv").touch()
    assert elsewhere(tmp_path) == "a container"


def test_files_of_a_container_on_a_real_disk_do_not_skip_the_proof() -> None:
    own = stack(Kind.DISK)
    assert find_target(place=lambda: "perhaps a container", described=lambda _: own).stack is own
    assert find_target(place=lambda: "perhaps a container", described=unseen).stack is None


def test_a_running_kernel_that_is_not_installed_is_named_with_those_that_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(request, "buildable_kernels", lambda: ["6.1.0-1", "6.9.0-2"])
    words = ["--kernel", "5.5.5-host", "--output", str(tmp_path / "image")]
    assert main(["build", *words]) == Status.USAGE
    assert capsys.readouterr().err == (
        "initpy: --kernel: '5.5.5-host': expected a kernel that is installed here (-k VERSION): "
        "6.9.0-2, 6.1.0-1\n"
    )


def test_the_command_line_of_an_installer_is_not_that_of_the_root_in_its_chroot() -> None:
    """The installer's has no root=, and its kernel did not boot this root."""
    found = nested()
    found.texts["/proc/cmdline"] = "vga=788 --- quiet\n"
    stack = describe("/", found)
    assert stack.command_lines
    inside = find_target(place=lambda: "a chroot", described=lambda _: stack).stack
    assert inside is not None
    assert (inside.cmdline, inside.command_lines) == ("", ())
    # The loader of the installer's medium is not the one that starts this root.
    found.texts["/proc/cmdline"] = "BOOT_IMAGE=/casper/vmlinuz ---\n"
    found.texts["/boot/grub/grub.cfg"] = "linux /vmlinuz root=UUID=7a0c\n"
    booted = describe("/", found)
    assert [line.in_use for line in booted.command_lines if line.loader] == [True]
    inside = find_target(place=lambda: "a chroot", described=lambda _: booted).stack
    assert inside is not None
    assert [line.in_use for line in inside.command_lines] == [False]
    assert find_target(place=lambda: None, described=lambda _: stack).stack == stack
