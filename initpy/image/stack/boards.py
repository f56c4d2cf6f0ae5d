"""Reads the command lines of boards: U-Boot's environments, flash-kernel, Petitboot, Raspberry Pi.

A script of U-Boot puts the words together. What it adds of its own is not known here, so that a
file counts only if it names the root.
"""

import re
from collections.abc import Iterator

from initpy.config.assignments import assignments
from initpy.config.commandline import parse
from initpy.config.textlines import lines
from initpy.image.stack.bootlines import CommandLine
from initpy.image.stack.bootmenus import without_images
from initpy.image.stack.system import System

ARMBIAN = "/boot/armbianEnv.txt"
ENVIRONMENTS = ("/boot/uEnv.txt", "/boot/firmware/uEnv.txt", "/boot/uboot/uEnv.txt")
FLASH_KERNEL = "/etc/default/flash-kernel"
KBOOT = ("/etc/kboot.conf", "/boot/kboot.conf")
FIRMWARE = ("/boot/firmware", "/boot")  # of a Raspberry Pi
LOADING = ("initramfs", "ramfsfile", "auto_initramfs")  # of config.txt
NO_KERNEL = ("default", "timeout", "message", "root")  # of kboot.conf
# A partition of Petitboot before a path: sda2:/boot/vmlinux.
PARTITION = re.compile(r"^[^/:]+:")


def command_lines(system: System, base: str) -> Iterator[CommandLine]:
    """Yield the command lines that these files name a root in."""
    found = [*_armbian(system, base), *_environments(system, base), *_flash_kernel(system, base),
             *_kboot(system, base), *_firmware(system, base)]  # fmt: skip
    for line in found:
        if any(each.key == "root" for each in parse(line.text).parameters):
            yield line


def _variables(system: System, path: str) -> dict[str, str]:
    """Return U-Boot's variables of a text: NAME=VALUE, without quotes."""
    pairs = (line.partition("=") for line in lines(system.text(path) or ""))
    return {key.strip(): value.strip() for key, equals, value in pairs
            if equals and not key.lstrip().startswith("#")}  # fmt: skip


def _armbian(system: System, base: str) -> Iterator[CommandLine]:
    known = _variables(system, base + ARMBIAN)
    words = {"root=": "rootdev", "rootfstype=": "rootfstype", "": "extraargs"}
    text = " ".join(f"{word}{known[name]}" for word, name in words.items() if known.get(name))
    yield CommandLine(text, ARMBIAN, loader="U-Boot")


def _environments(system: System, base: str) -> Iterator[CommandLine]:
    for path in ENVIRONMENTS:
        known = _variables(system, base + path)
        root = f"UUID={known['uuid']}" if known.get("uuid") else known.get("mmcroot", "")
        parts = (f"root={root}" if root else "", *map(known.get, ("cmdline", "optargs")))
        text = known.get("bootargs") or " ".join(filter(None, parts))
        if "${" not in text:  # other variables than these
            yield CommandLine(text, path, known.get("uname_r", ""), loader="U-Boot")


def _flash_kernel(system: System, base: str) -> Iterator[CommandLine]:
    known = dict(assignments(system.text(base + FLASH_KERNEL) or ""))
    names = ("LINUX_KERNEL_CMDLINE_DEFAULTS", "LINUX_KERNEL_CMDLINE")
    text = " ".join(known[name] for name in names if known.get(name))
    yield CommandLine(text, FLASH_KERNEL, loader="U-Boot")


def _kboot(system: System, base: str) -> Iterator[CommandLine]:
    """Yield the entries of Petitboot's kboot.conf, NAME="KERNEL WORDS"; the default one first."""
    for path in KBOOT:
        known = _variables(system, base + path)
        names = [name for name in known if name not in NO_KERNEL]
        for name in sorted(names, key=lambda each: each != known.get("default", "").strip("\"'")):
            kernel, _, rest = known[name].strip("\"'").partition(" ")
            words, images = without_images(rest)
            named = tuple(PARTITION.sub("", each) for each in images if each)
            yield CommandLine(words, f"{path} ({name})", PARTITION.sub("", kernel), named,
                              "Petitboot")  # fmt: skip


def imageless(system: System, base: str) -> str:
    """Return the config.txt of a Raspberry Pi that has the firmware load no image; "" for none.

    What only some boards read counts as well.
    """
    for folder in FIRMWARE:
        text = system.text(f"{base}{folder}/config.txt")
        if text is None:
            continue
        words = [each.replace("=", " ").split() for each in lines(text)]
        found = (each for each in words if each[:1] and each[0] in LOADING and each[1:2] != ["0"])
        return "" if any(found) else f"{folder}/config.txt"
    return ""


def _firmware(system: System, base: str) -> Iterator[CommandLine]:
    """Yield the file that config.txt names in place of cmdline.txt, for all boards."""
    for folder in FIRMWARE:
        said, applies = "", True
        for line in lines(system.text(f"{base}{folder}/config.txt") or ""):
            key, _, value = line.strip().partition("=")
            if key.startswith("["):
                applies = key == "[all]"
            elif key == "cmdline" and applies:
                said = value.strip()
        text = system.text(f"{base}{folder}/{said}") if said else None
        if text is not None:
            yield CommandLine(
                " ".join(text.split()), f"{folder}/{said}", loader="firmware",
                imageless=imageless(system, base),
            )  # fmt: skip
