"""Reads boot entries of type #1 (Boot Loader Specification), and what the loader has told.

systemd-boot and GRUB's `blscfg` have them in `loader/entries` of the EFI system partition or of an
extended boot partition.
"""

import fnmatch
import re
from collections.abc import Iterator, Mapping

from initpy.config.textlines import lines
from initpy.image.stack import grubmenu, kernelfiles
from initpy.image.stack.bootlines import ENTRIES, CommandLine
from initpy.image.stack.bootmenus import without_images
from initpy.image.stack.system import System

# Where the EFI system partition or an extended boot partition may be mounted.
BOOT_FOLDERS = ("/boot", "/efi", "/boot/efi", "/esp")
SAVED = "saved_entry"  # in GRUB's environment: the entry that starts by default
COUNTER = re.compile(r"\+([0-9]+)(-[0-9]+)?\.conf$")  # automatic boot assessment
EFI_VARIABLES = "/sys/firmware/efi/efivars"
VENDOR = "4a67b082-0a4c-41f6-b6c7-440b29bb8c4f"  # systemd's boot loader interface
BY_VARIABLE = {"@saved": "LoaderEntryLastBooted"}


def entries(system: System, base: str, variables: Mapping[str, str]) -> Iterator[CommandLine]:
    """Yield the entries; the default one first, then by sort key and the newest version."""
    machine = (system.text(f"{base}/etc/machine-id") or "").strip()
    for boot in BOOT_FOLDERS:
        loader = f"{base}{boot}/loader"
        folder = f"{loader}/entries"
        names = [each for each in system.names(folder) if each.endswith(".conf")]
        if not names:
            continue
        default = _default(system, base, loader) or variables.get(SAVED, "")
        found = [(name, _keys(system.text(f"{folder}/{name}") or "")) for name in names]
        found.sort(key=lambda each: _rank(each[0], each[1]), reverse=True)
        found.sort(key=lambda each: (each[1].get("sort-key") or ["\uffff"])[0])
        found.sort(key=lambda each: _is_bad(each[0]))
        found.sort(key=lambda each: bool(machine) and _machine(each[1]) not in ("", machine))
        found.sort(key=lambda each: not _is_default(each[0], default))
        for name, keys in found:
            options = grubmenu.expanded(" ".join(keys.get("options", ())), variables)
            image = (keys.get("uki") or keys.get("efi") or [""])[0]
            if "linux" not in keys:
                if image and options:  # for a unified image without a command line of its own
                    origin = f"{folder.removeprefix(base)}/{name}"
                    yield CommandLine(options, origin, image, (image,), ENTRIES)
                continue
            kernels = (*keys["linux"], *keys.get("version", ()))
            # The kernel's EFI stub takes images from its words, too.
            options, more = without_images(options)
            named = [word for value in keys.get("initrd", ()) for word in value.split()]
            yield CommandLine(
                " ".join(options.split()),
                f"{folder.removeprefix(base)}/{name}",
                next((each for each in reversed(kernels) if each), ""),
                (*named, *filter(None, more)),
                ENTRIES,
                release=kernelfiles.release_of(system, base, keys["linux"][-1], (boot,)),
            )


def started_by(system: System) -> str:
    """Return the name and version of the loader that booted this system; "" if none told."""
    return _variable(system, "LoaderInfo")


def _keys(text: str) -> dict[str, list[str]]:
    keys: dict[str, list[str]] = {}
    for line in lines(text):
        key, *value = line.strip().split(None, 1)[:2] or [""]
        if value and key[:1] != "#":
            keys.setdefault(key, []).append(value[0].strip())
    return keys


def _machine(keys: Mapping[str, list[str]]) -> str:
    return (keys.get("machine-id") or [""])[0]


def _rank(name: str, keys: Mapping[str, list[str]]) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """Return a key that puts a newer version behind an older one: 6.9 before 6.10."""
    version = (keys.get("version") or [COUNTER.sub(".conf", name)])[0]
    parts = re.findall(r"([0-9]+)|([a-zA-Z]+)", version)
    return tuple((1, int(digits), "") if digits else (0, 0, word) for digits, word in parts), name


def _is_bad(name: str) -> bool:
    """Return whether automatic boot assessment has given an entry up: no tries are left."""
    found = COUNTER.search(name)
    return found is not None and not int(found[1])


def _default(system: System, base: str, loader: str) -> str:
    """Return the entry that starts by default, a file name or a pattern; "" for none.

    The user's choice, which the firmware holds for the running system, goes before loader.conf(5).
    """
    if not base and (told := _variable(system, "LoaderEntryDefault")):
        return told
    words = (line.split() for line in lines(system.text(f"{loader}/loader.conf") or ""))
    named = next((each[1] for each in words if each[:1] == ["default"] and len(each) > 1), "")
    if named in BY_VARIABLE:
        return "" if base else _variable(system, BY_VARIABLE[named])
    return named


def _variable(system: System, name: str) -> str:
    """Return an EFI variable of text: four bytes of attributes, then UTF-16."""
    text = system.text(f"{EFI_VARIABLES}/{name}-{VENDOR}") or ""
    return "".join(each for each in text if each.isprintable() and each != "\ufffd")


def _is_default(name: str, default: str) -> bool:
    """Return whether an entry is the default one: GRUB leaves the ending out."""
    counted = COUNTER.sub(".conf", name)
    given = (name, counted, counted.removesuffix(".conf"))
    return bool(default) and any(fnmatch.fnmatchcase(each, default) for each in given)
