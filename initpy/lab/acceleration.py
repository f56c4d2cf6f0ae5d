"""Finds out with a bounded probe whether KVM works on this host, and caches the answer.

/dev/kvm may open and still hang at the first instruction of a 64-bit kernel (nested
virtualisation).
"""

import os
from pathlib import Path

import pexpect

from initpy.lab.cache import cache_folder, locked
from initpy.lab.errors import Progress
from initpy.lab.kernels import Kernel
from initpy.lab.qemu import EMULATED, QEMU, VIRTUALISED

# With KVM a kernel prints this line in less than a second.
_BOUND = 8
_REACHED = "VFS: Unable to mount root fs"


def accelerator(kernel: Kernel, progress: Progress) -> tuple[str, ...]:
    """Return QEMU's options for the processor; INITPY_LAB_ACCEL=tcg or kvm skips the probe."""
    wanted = os.environ.get("INITPY_LAB_ACCEL", "")
    if wanted in ("tcg", "kvm"):
        return EMULATED if wanted == "tcg" else VIRTUALISED
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return EMULATED
    # The answer is valid until the host reboots.
    session = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    memory = cache_folder() / "kvm-probe"
    with locked("kvm-probe"):
        words = memory.read_text().split() if memory.exists() else []
        if words[:1] != [session]:
            progress(f"testing whether KVM works here (at most {_BOUND} s, once)")
            words = [session, "kvm" if _probe(kernel) else "tcg"]
            memory.write_text(" ".join(words) + "\n")
    return VIRTUALISED if words[1] == "kvm" else EMULATED


def _probe(kernel: Kernel) -> bool:
    words = [
        *VIRTUALISED, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-m",
        "512", "-kernel", str(kernel.image), "-append", "console=ttyS0 panic=-1",
        "-serial", "stdio",
    ]  # fmt: skip
    qemu = pexpect.spawn(QEMU, words, timeout=_BOUND)
    try:
        return int(qemu.expect_exact([_REACHED, pexpect.EOF, pexpect.TIMEOUT])) == 0
    finally:
        qemu.close(force=True)
