"""Finds the kernel command lines with which a system's boot loaders start it.

Each boot loader keeps them in files of its own: entries of type #1 (systemd-boot, GRUB on Fedora,
zipl), the configuration of GRUB, syslinux, rEFInd and Limine, the Raspberry Pi's `cmdline.txt`. The
one that booted the running system may be older than all of these.
"""

import fnmatch
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from initpy.config.textlines import lines
from initpy.image.formats.cmdline import without_comments
from initpy.image.stack import bootmenus
from initpy.image.stack.system import System

# Where the EFI system partition or an extended boot partition may be mounted.
BOOT_FOLDERS = ("/boot", "/efi", "/boot/efi", "/esp")
GRUB = ("/boot/grub/grub.cfg", "/boot/grub2/grub.cfg", "/boot/grub/custom.cfg")
GRUB_ENVIRONMENTS = ("/boot/grub2/grubenv", "/boot/grub/grubenv")
SYSLINUX = (
    "/boot/extlinux/extlinux.conf", "/boot/extlinux.conf", "/boot/syslinux/syslinux.cfg",
)  # fmt: skip
# Without a kernel of its own: for each kernel that is started.
FOR_ALL = (
    "/boot/firmware/cmdline.txt", "/boot/cmdline.txt", "/etc/kernel/cmdline",
    "/usr/lib/kernel/cmdline",
)  # fmt: skip
RUNNING = "/proc/cmdline"
GRUB_LINUX = ("linux", "linuxefi", "linux16")
GRUB_INITRD = ("initrd", "initrdefi", "initrd16")
LINKS = ("vmlinuz", "initrd.img", "vmlinuz.old", "initrd.img.old", "initrd", "image")
RECOVERY = re.compile(r"\b(single|recovery|emergency|rescue)\b", re.IGNORECASE)
SAVED = "saved_entry"  # in GRUB's environment: the entry that starts by default
COUNTER = re.compile(r"\+[0-9]+(-[0-9]+)?\.conf$")  # automatic boot assessment
VARIABLE = re.compile(r"\$\{?(\w+)\}?")


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A command line, the file it is in, and the kernel and images that it starts.

    `kernel` is a path as the boot loader writes it, or a release; "" if the line is for every
    kernel.
    """

    text: str
    origin: str
    kernel: str = ""
    images: tuple[str, ...] = ()

    def starts(self, image: str) -> bool:
        """Return whether the entry loads an image of this file name."""
        return any(each.rpartition("/")[2] == image for each in self.images)

    def is_for(self, release: str) -> bool:
        """Return whether the entry starts the kernel of a release."""
        folders, _, name = self.kernel.rpartition("/")
        return name == release or name.endswith(f"-{release}") or release in folders.split("/")


def command_lines(system: System, base: str = "") -> tuple[CommandLine, ...]:
    """Return the command lines of the system whose root is at `base`, those of entries first."""
    environment = _environment(system, base)
    found = [
        *_entries(system, base, environment),
        *(each for path in GRUB for each in _grub(system, base, path, environment)),
        *(each for path in SYSLINUX for each in _syslinux(system, base, path)),
        *_menus(system, base),
    ]
    found = [_followed(system, base, each) for each in found]
    # An entry to repair the system is none that a user starts by default.
    found.sort(key=lambda each: bool(RECOVERY.search(f"{each.origin} {each.text}")))
    for path in FOR_ALL:
        text = system.text(base + path)
        if text is not None:
            found.append(CommandLine(without_comments(text), path))
    if not base and (text := system.text(RUNNING)):
        found.append(CommandLine(" ".join(text.split()), RUNNING))
    return tuple(found)


def _followed(system: System, base: str, line: CommandLine) -> CommandLine:
    """Return the line with what links name that it starts: Debian's /vmlinuz and /initrd.img."""
    kernel = _behind(system, base, line.kernel)
    images = tuple(filter(None, (_behind(system, base, each) for each in line.images)))
    return replace(line, kernel=kernel or line.kernel, images=(*line.images, *images))


def _behind(system: System, base: str, path: str) -> str:
    """Return the name of the file that a link in / or /boot names; "" if it is no link."""
    name = path.rpartition("/")[2]
    for folder in ("/", "/boot/") if name in LINKS else ():
        target = system.real(f"{base}{folder}{name}")
        if target is not None and (other := target.rpartition("/")[2]) != name:
            return other
    return ""


def chosen(found: Iterable[CommandLine], image: str, release: str) -> CommandLine | None:
    """Return the command line with which an image will be started; None if none is known.

    `image` is the file's name. An entry that names it goes first, then an entry of its kernel, then
    a file for all kernels, at last the command line of the running system.
    """
    lines = tuple(found)
    rules: tuple[Callable[[CommandLine], bool], ...] = (
        lambda each: each.starts(image),
        lambda each: each.is_for(release),
        lambda each: not each.kernel and not each.images,
    )
    return next((each for rule in rules for each in lines if rule(each)), None)


def _environment(system: System, base: str) -> dict[str, str]:
    """Return the variables of GRUB's environment block (grub-editenv(1))."""
    for path in GRUB_ENVIRONMENTS:
        if text := system.text(base + path):
            pairs = (line.partition("=") for line in lines(text) if line[:1] != "#")
            return {name: value for name, equals, value in pairs if equals}
    return {}


def _entries(system: System, base: str, environment: Mapping[str, str]) -> Iterator[CommandLine]:
    """Yield entries of type #1 (Boot Loader Specification), the newest version first."""
    for loader in (f"{base}{boot}/loader" for boot in BOOT_FOLDERS):
        folder = f"{loader}/entries"
        names = sorted(system.names(folder), reverse=True)
        default = _default(system.text(f"{loader}/loader.conf") or "") or environment.get(SAVED, "")
        names.sort(key=lambda name: not _is_default(name, default))
        for name in names:
            if not name.endswith(".conf") or (text := system.text(f"{folder}/{name}")) is None:
                continue
            keys: dict[str, list[str]] = {}
            for line in lines(text):
                key, *value = line.strip().split(None, 1)[:2] or [""]
                if value and key[:1] != "#":
                    keys.setdefault(key, []).append(value[0].strip())
            if "linux" not in keys:
                continue  # a unified image has its own
            kernels = (*keys.get("linux", ()), *keys.get("version", ()))
            options = _expanded(" ".join(keys.get("options", ())), environment)
            yield CommandLine(
                options,
                f"{folder.removeprefix(base)}/{name}",
                next((each for each in reversed(kernels) if each), ""),
                tuple(word for value in keys.get("initrd", ()) for word in value.split()),
            )


def _default(text: str) -> str:
    """Return the entry that loader.conf(5) names, a file name or a pattern; "" for none."""
    words = (line.split() for line in lines(text))
    return next((each[1] for each in words if each[:1] == ["default"] and len(each) > 1), "")


def _is_default(name: str, default: str) -> bool:
    """Return whether an entry is the default one: GRUB leaves the ending out."""
    counted = COUNTER.sub(".conf", name)
    given = (name, counted, counted.removesuffix(".conf"))
    return bool(default) and any(fnmatch.fnmatchcase(each, default) for each in given)


def _grub(
    system: System, base: str, path: str, environment: Mapping[str, str]
) -> Iterator[CommandLine]:
    """Yield a command line for each `linux` command of GRUB's configuration."""
    variables, title = dict(environment), ""
    waiting: CommandLine | None = None
    for line in lines((system.text(base + path) or "").replace("\\\n", " ")):
        words = _words(line)
        if not words:
            continue
        if words[0] == "menuentry" and len(words) > 1:
            if waiting is not None:
                yield waiting
            waiting, title = None, words[1]
        elif words[0] == "set" and len(words) > 1:
            name, equals, value = words[1].partition("=")
            if equals and name != "root":  # GRUB's own, a partition in its words
                variables.setdefault(name, value)
        elif words[0] in GRUB_LINUX and len(words) > 1:
            if waiting is not None:
                yield waiting
            # GRUB quotes a word with blanks for the kernel.
            given = (f'"{word}"' if " " in word else word for word in words[2:])
            text = _expanded(" ".join(given), variables)
            named = f"{path} ({title})" if title else path
            waiting = CommandLine(text, named, words[1])
        elif words[0] in GRUB_INITRD and waiting is not None:
            yield CommandLine(waiting.text, waiting.origin, waiting.kernel, tuple(words[1:]))
            waiting = None
    if waiting is not None:
        yield waiting


def _syslinux(system: System, base: str, path: str) -> Iterator[CommandLine]:
    """Yield the entries of extlinux(1) and syslinux."""
    entry: dict[str, str] = {}
    for line in [*lines(system.text(base + path) or ""), "label"]:
        key, *value = line.strip().split(None, 1)[:2] or [""]
        if key.lower() == "label":
            if kernel := entry.get("linux") or entry.get("kernel"):
                words = entry.get("append", "").split()
                images = [word[7:] for word in words if word.startswith("initrd=")]
                images += entry.get("initrd", "").split(",")
                text = " ".join(word for word in words if not word.startswith("initrd="))
                named = f"{path} ({entry['label']})"
                yield CommandLine(text, named, kernel, tuple(filter(None, images)))
            entry = {"label": value[0] if value else ""}
        elif value and entry:
            entry[key.lower()] = value[0]


def _menus(system: System, base: str) -> Iterator[CommandLine]:
    readers = dict.fromkeys(bootmenus.REFIND, bootmenus.refind)
    readers |= dict.fromkeys(bootmenus.LIMINE, bootmenus.limine)
    readers |= dict.fromkeys(bootmenus.LIMINE_OLD, bootmenus.limine_old)
    for path, entries in readers.items():
        for title, options, kernel, images in entries(system.text(base + path) or ""):
            yield CommandLine(options, f"{path} ({title})", kernel, images)


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError:  # a quote that a later line closes
        return line.split()


def _expanded(text: str, variables: Mapping[str, str]) -> str:
    """Put in GRUB's variables; those that are not known are empty there, too."""
    once = VARIABLE.sub(lambda found: variables.get(found[1], ""), text)
    return " ".join(once.split())
