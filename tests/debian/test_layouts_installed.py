"""Each installer's layout with the real hooks: installed if the image boots it (R28, R29).

The stacks are those of `layouts`. kernel-install makes the generic image, the hook of Debian's
kernel packages the one for this machine. The kernel has the drivers of all layouts built in.
"""

import subprocess
from collections.abc import Iterator

import pytest
from chroot import Chroot, for_one_test
from kernelpackage import make_kernel
from layouts import KERNEL, LAYOUTS, Layout
from rootstack import QUICK

from initpy.image.check.proof import Verdict
from initpy.image.stack.describe import describe
from initpy.image.stack.layers import Stack
from initpy.image.status import Status

ENTRY = f"/boot/token/{KERNEL}"
PLUGIN, HOOK = f"{ENTRY}/initrd", f"/boot/initpy-{KERNEL}.img"
# `make boots` has all.
QUICK_ONES = ("Debian, encrypted", "Fedora Server, the group renamed")


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chroot]:
    for chroot in for_one_test(tmp_path_factory.mktemp("layouts")):
        make_kernel(chroot.shared / "kernel", KERNEL)
        builtin = chroot.shared / "kernel/lib/modules" / KERNEL / "modules.builtin"
        names = {name for layout in LAYOUTS.values() for name in _drivers(_stack(layout))}
        listed = builtin.read_text()
        builtin.write_text(listed + "".join(f"kernel/{name}.ko\n" for name in sorted(names)))
        subprocess.run(["/sbin/depmod", "-b", str(chroot.shared / "kernel"), KERNEL], check=True)
        chroot.run("cp", "-r", "/mnt/kernel/boot/.", "/boot")
        chroot.run("cp", "-r", "/mnt/kernel/lib/.", "/usr/lib")
        chroot.run("mkdir", "-p", ENTRY)
        chroot.write("/etc/kernel/entry-token", "token\n")
        chroot.write("/etc/kernel/cmdline", "root=x\n")
        yield chroot


def _stack(layout: Layout) -> Stack:
    return describe("/", layout.system())


def _drivers(stack: Stack) -> Iterator[str]:
    for layer in stack.layers:
        for ask in layer.asks:
            yield from ask.using
            yield from (name for name in ask.names if ":" not in name)


def _status(layout: Layout) -> Status:
    """Return what `install` is to say: a boot loader that is not there yet is no doubt."""
    bad = {verdict for need, verdict in layout.bad.items() if need != "its source"}
    if Verdict.MISSING in bad:
        return Status.CANNOT_BOOT
    return Status.UNKNOWN if Verdict.UNKNOWN in bad else Status.OK


@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=[] if each in QUICK_ONES else pytest.mark.slow)
             for each in LAYOUTS],
)  # fmt: skip
def test_a_layout_is_installed_as_far_as_it_boots(system: Chroot, name: str) -> None:
    layout = LAYOUTS[name]
    wanted = _status(layout)
    (system.shared / "stack.json").write_text(_stack(layout).to_json())
    system.write("/etc/crypttab", layout.crypttab if layout.marks else "")
    for recipe, path, command in (
        ("generic", PLUGIN, ["kernel-install", "add", KERNEL, f"/boot/vmlinuz-{KERNEL}"]),
        ("minimal", HOOK, ["/etc/kernel/postinst.d/initpy", KERNEL]),
    ):
        text = f'stack = "/mnt/stack.json"\nrecipe = "{recipe}"\n{QUICK}'
        system.write("/etc/initpy/root.toml", text)
        system.write(path, "the old one")
        # kernel-install takes 77 for a clean stop.
        clean = wanted is Status.CANNOT_BOOT and recipe == "generic"
        done = system.run(*command, accept=None)
        assert done.status == (0 if clean else wanted), done
        kept = system.run("grep", "-q", "the old one", path, accept=None).status == 0
        assert kept == (wanted is not Status.OK), done


def test_the_layouts_have_each_verdict() -> None:
    assert {_status(layout) for layout in LAYOUTS.values()} == {
        Status.OK, Status.UNKNOWN, Status.CANNOT_BOOT
    }  # fmt: skip
    assert set(QUICK_ONES) < set(LAYOUTS)
