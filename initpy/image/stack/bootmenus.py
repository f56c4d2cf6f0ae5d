"""Reads the command lines of syslinux, rEFInd and Limine, whose files have syntaxes of their own.

syslinux and extlinux have a `LABEL` for each entry. rEFInd's `refind_linux.conf` serves all kernels
beside it: `"TITLE" "OPTIONS"`, the first line by default; `refind.conf` may have stanzas. Limine's
`limine.conf` has an entry per `/TITLE`, with `KEY: VALUE` below it.
"""

import re
from collections.abc import Callable, Iterator

from initpy.config.textlines import lines

SYSLINUX = (
    "/boot/extlinux/extlinux.conf", "/boot/extlinux.conf", "/boot/syslinux/syslinux.cfg",
    "/boot/syslinux.cfg", "/boot/efi/EFI/syslinux/syslinux.cfg", "/efi/EFI/syslinux/syslinux.cfg",
)  # fmt: skip
REFIND = ("/boot/refind_linux.conf", "/boot/EFI/Linux/refind_linux.conf")
STANZAS = tuple(
    f"{boot}/EFI/{folder}/refind.conf"
    for boot in ("/boot/efi", "/efi", "/boot", "/esp")
    for folder in ("refind", "BOOT")
)
LIMINE = (
    "/boot/limine.conf", "/boot/limine/limine.conf", "/boot/EFI/limine/limine.conf",
    "/boot/EFI/BOOT/limine.conf", "/efi/limine.conf", "/boot/efi/limine.conf",
)  # fmt: skip
RESOURCE = re.compile(r"^\w+(\([^)]*\))?:(//[^/]*)?")
QUOTED = re.compile(r'"((?:[^"]|"")*)"|(\S+)')
MACRO = re.compile(r"\$\{(\w+)\}")
INITRD = "initrd="  # a word of syslinux and of the kernel's EFI stub
LIMINE_OLD = (
    "/boot/limine.cfg", "/boot/limine/limine.cfg", "/boot/EFI/BOOT/limine.cfg", "/efi/limine.cfg",
    "/boot/efi/limine.cfg",
)  # fmt: skip
MOST_FILES = 20  # that syslinux's include one another
Entry = tuple[str, str, str, tuple[str, ...]]  # title, options, kernel, images


def syslinux(path: str, read: Callable[[str], str | None]) -> Iterator[Entry]:
    """Yield the entries of extlinux(1) and syslinux, the default one first."""
    general: dict[str, str] = {}
    entries: list[dict[str, str]] = []
    for line in _included(path, read, [MOST_FILES]):
        key, *value = line.strip().split(None, 1)[:2] or [""]
        name, said = key.lower(), value[0] if value else ""
        if name == "label":
            entries.append({"label": said})
        elif name == "menu" and entries and said.lower().split()[:1] == ["default"]:
            general.setdefault("default", entries[-1]["label"])
        elif value:
            (entries[-1] if entries and name != "default" else general)[name] = said
    entries.sort(key=lambda each: each["label"] != general.get("default"))
    for entry in entries:
        if kernel := entry.get("linux") or entry.get("kernel"):
            given = entry.get("append", general.get("append", ""))
            options, images = without_images("" if given.strip() == "-" else given)
            images += entry.get("initrd", "").split(",")
            yield entry["label"], options, kernel, tuple(filter(None, images))


def _included(path: str, read: Callable[[str], str | None], left: list[int]) -> Iterator[str]:
    """Yield the lines of a file with those of the files that it includes."""
    left[0] -= 1
    for line in lines(read(path) or "") if left[0] >= 0 else ():
        words = line.split()
        if words[:1] and words[-2:-1] and words[0].lower() in ("include", "menu"):
            other = words[-2].lower() == "include" and words[-1]
            if other:
                folder = path.rpartition("/")[0]
                places = (f"{folder}/{other}", f"/boot/{other}", other)
                found = next((each for each in places if read(each) is not None), None)
                if found is not None:
                    yield from _included(found, read, left)
                continue
        yield line


def without_images(text: str) -> tuple[str, list[str]]:
    """Return options without `initrd=`, and what that names."""
    words = text.split(" ")
    images = [word.removeprefix(INITRD) for word in words if word.startswith(INITRD)]
    rest = " ".join(word for word in words if not word.startswith(INITRD)).strip()
    return rest, [name for each in images for name in each.split(",")]


def refind(text: str) -> Iterator[Entry]:
    """Yield the entries of refind_linux.conf; they are for each kernel, or for that of an image."""
    for line in lines(text):
        # Two quotes are one within a quotation.
        words = _quoted(line)
        if len(words) > 1 and not line.lstrip().startswith("#"):
            options, images = without_images(words[1])
            # Without an image's name, or with one for each kernel, it is for all.
            yield words[0], options, "", tuple(each for each in images if "%v" not in each)


def stanzas(text: str) -> Iterator[Entry]:
    """Yield the entries that refind.conf itself has, `menuentry TITLE { … }`."""
    title, keys = "", dict[str, str]()
    inner: dict[str, str] | None = None
    for line in lines(text):
        words = _quoted(line)
        name = words[0].lower() if words else ""
        if name == "menuentry" and len(words) > 1:
            title, keys = words[1], {}
        elif name == "submenuentry":
            inner = {}
        elif name == "}" and inner is not None:
            yield from _stanza(f"{title} ({len(inner)})", {**keys, **inner})
            inner = None
        elif name == "}":
            yield from _stanza(title, keys)
            keys = {}
        elif words and not name.startswith("#"):
            (keys if inner is None else inner)[name] = words[1] if len(words) > 1 else ""


def _stanza(title: str, keys: dict[str, str]) -> Iterator[Entry]:
    if keys.get("loader") and "disabled" not in keys and keys.get("ostype", "Linux") == "Linux":
        options = f"{keys.get('options', '')} {keys.get('add_options', '')}".strip()
        words, images = without_images(options)
        images += [keys["initrd"]] if keys.get("initrd") else []
        yield title, words, keys["loader"].replace("\\", "/"), tuple(images)


def _quoted(line: str) -> list[str]:
    return [first.replace('""', '"') or other for first, other in QUOTED.findall(line)]


def limine(text: str) -> Iterator[Entry]:
    """Yield the entries of limine.conf that start Linux, the default one first."""
    title, keys, images = "", dict[str, str](), list[str]()
    general: dict[str, str] = {}
    macros: dict[str, str] = {}
    found: list[tuple[int, Entry]] = []
    number = 0
    for line in [*lines(text), "/"]:
        bare = MACRO.sub(lambda name: macros.get(name[1], name[0]), line.strip())
        if set_one := MACRO.match(line.strip()):
            macros[set_one[1]] = line.strip()[set_one.end() :].strip().removeprefix("=").strip()
            continue
        if bare.startswith("/"):
            kernel = keys.get("path") or keys.get("kernel_path")
            if kernel:
                options = keys.get("cmdline") or keys.get("kernel_cmdline") or ""
                found.append((number, (title, options, _path(kernel), tuple(images))))
            title, keys, images = bare.lstrip("/+").strip(), {}, []
            number += 1
            continue
        key, colon, value = bare.partition(":")
        if colon and key.strip().lower() == "module_path":
            images.append(_path(value.strip()))
        elif colon:
            keys.setdefault(key.strip().lower(), value.strip())
            if not number:
                general = keys
    default = general.get("default_entry", "1")
    found.sort(key=lambda each: str(each[0]) != default and each[1][0] != default)
    yield from (entry for _, entry in found)


def limine_old(text: str) -> Iterator[Entry]:
    """Yield the entries of limine.cfg, of Limine before 8: `:TITLE` and `KEY=VALUE`."""
    newer = []
    for line in lines(text):
        bare = line.strip()
        if bare.startswith("${"):
            newer.append(bare)
            continue
        newer.append(f"/{bare[1:]}" if bare.startswith(":") else bare.replace("=", ": ", 1))
    yield from limine("\n".join(newer))


def _path(text: str) -> str:
    """Return a path of Limine without resource and hash: `boot():/a#abc`, `boot:///a`."""
    return RESOURCE.sub("", text).partition("#")[0]
