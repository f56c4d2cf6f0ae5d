"""Images are installed on a real vfat, an EFI system partition: the lab's kernel has one (R29).

No links, no modes, renames that exchange: what a desk with another file system cannot show.
"""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from initpy.config.project import PROJECT
from initpy.image.build.build import build
from initpy.image.build.request import BuildRequest
from initpy.image.content.python import find_interpreter
from initpy.lab.kinds import kernel_of, quickest, start
from initpy.lab.machine import MachineSpec, machine_folder

INIT = b"""#!/bin/sh
export PATH=/usr/sbin:/usr/bin
/bin/busybox mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /run
modprobe -a loop vfat nls_ascii nls_cp437 nls_iso8859-1
/usr/bin/python* /vfat_target.py
poweroff -f
"""
JOB = """
summary = "what the script imports"
[image]
python = [
    "ctypes", "dataclasses", "enum", "fcntl", "filecmp", "pathlib", "shlex", "shutil", "struct",
    "subprocess", "tempfile",
]
programs = ["/usr/sbin/mkfs.vfat", "busybox", "kmod", "modprobe"]
modules = ["loop", "vfat", "nls_ascii", "nls_cp437", "nls_iso8859-1"]
"""
SECONDS = 600  # on a machine that has much else to do


@pytest.mark.boot
def test_an_installation_keeps_its_promises_on_vfat(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    kind = quickest()
    record_property("machine", kind.in_words)
    kernel, version = kernel_of(kind), find_interpreter().version
    (tmp_path / "vfat.toml").write_text(JOB)
    shutil.copy(Path(__file__).with_name("vfat_target.py"), tmp_path)
    request = BuildRequest(
        kernel=kernel.version,
        modules=kernel.modules,
        output=tmp_path / "image",
        jobs=(PROJECT / "jobs/system.toml", tmp_path / "vfat.toml"),
        files=(
            (tmp_path / "vfat_target.py", "/vfat_target.py"),
            # What images leave out.
            (PROJECT / "initpy/image", f"/usr/lib/python{version}/initpy/image"),
        ),
        init=INIT,
        level=1,
    )
    build(request)
    with machine_folder() as folder:
        cmdline = "console=ttyS0 loglevel=4 panic=-1"
        spec = MachineSpec(kernel.image, request.output, cmdline, kind=kind)
        deadline = time.monotonic() + SECONDS
        with start(spec, folder) as machine:
            while machine.console.listen(0.5) is not None:
                assert time.monotonic() < deadline, machine.console.text[-3000:]
            lines = machine.console.text.splitlines()
    assert any(line.startswith("DONE") for line in lines), "\n".join(lines[-30:])
    assert [line for line in lines if line.startswith("FAILED")] == []
    assert sum(line.startswith("ok") for line in lines) > 20
