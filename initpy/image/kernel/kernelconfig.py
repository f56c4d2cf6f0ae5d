"""How a kernel was configured, where its distribution has left that for people to read.

What is built in cannot be seen anywhere else: whether the kernel takes an initramfs at all, how
it may be compressed, whether a script may be its /init (Documentation/kbuild/kconfig-language.rst).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from initpy.image.formats.compress import NONE

BUILT_IN = re.compile(r"^CONFIG_(\w+)=y$", re.MULTILINE)
# Numbers, and texts without their quotes.
TEXT = re.compile(r'^CONFIG_(\w+)="?([^"\n]{2,})"?$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class KernelConfig:
    """The options that are built in, and those that are texts or numbers, without `CONFIG_`."""

    path: Path  # where that was read
    built_in: frozenset[str]
    texts: Mapping[str, str] = field(default_factory=dict)

    def __contains__(self, option: str) -> bool:
        return option in self.built_in

    def unpacks(self, method: str) -> bool:
        """Whether the kernel takes an initramfs that is compressed so."""
        return method == NONE or unpacking(method) in self

    @property
    def unpacks_branches(self) -> bool:
        """Whether xz may have changed the branches of x86 code, so that they are more alike."""
        return {"X86", "XZ_DEC_X86"} <= self.built_in


def unpacking(method: str) -> str:
    """The option for taking an initramfs that is compressed so (usr/Kconfig)."""
    return f"RD_{method.upper()}"


def read_kernel_config(kernel: str, modules: Path) -> KernelConfig | None:
    """The configuration of a kernel whose modules are there; None where nobody left it."""
    for path in _places(kernel, modules):
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        # A file of that name that says nothing is none.
        if chosen := frozenset(BUILT_IN.findall(text)):
            return KernelConfig(path, chosen, dict(TEXT.findall(text)))
    return None


def _places(kernel: str, modules: Path) -> Iterator[Path]:
    """Beside the modules (Fedora), below the /boot beside that /lib (Debian, Arch has none)."""
    yield modules / "config"
    for root in modules.absolute().parents[2:4]:
        if root.name != "usr":
            yield root / "boot" / f"config-{kernel}"
