"""Finds the kernel command lines with which a system's boot loaders start it.

Each boot loader keeps them in files of its own: entries of type #1 (systemd-boot, GRUB on Fedora,
zipl), the configuration of GRUB, syslinux, rEFInd, Limine, zipl and ukify, the Raspberry Pi's
`cmdline.txt`, what boards with U-Boot read. UEFI has them in variables. The one that booted the
running system may be older than all of these.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

from initpy.config.textlines import lines
from initpy.image.formats.cmdline import without_comments
from initpy.image.stack import (
    boards,
    bootmenus,
    bootvariables,
    grubmenu,
    kernelfiles,
    otherconfigs,
    typeone,
)
from initpy.image.stack.bootlines import (
    INSTALLED,
    RUNNING,
    CommandLine,
    ordered,
)
from initpy.image.stack.system import System

GRUB = ("/boot/grub/grub.cfg", "/boot/grub2/grub.cfg")
GRUB_ENVIRONMENTS = ("/boot/grub2/grubenv", "/boot/grub/grubenv")
# Without a kernel of its own: for each kernel that is started.
FOR_ALL = {
    "/boot/firmware/cmdline.txt": "firmware", "/boot/cmdline.txt": "firmware",
    "/etc/kernel/cmdline": INSTALLED, "/usr/lib/kernel/cmdline": INSTALLED,
}  # fmt: skip
# The partition of a path, or GRUB's own variable for it or for its folder.
PLACE = re.compile(r"^(?:\([^)]*\)|\$\{(\w+)\})*")
IN_FOLDER = ("prefix", "config_directory")
LINKS = ("vmlinuz", "initrd.img", "vmlinuz.old", "initrd.img.old", "initrd", "image")
LONGEST = 16384  # letters of a line
MOST = 1000  # entries of menus; each is read as the kernel's command line


def command_lines(system: System, base: str = "") -> tuple[CommandLine, ...]:
    """Return the command lines of the system whose root is at `base`, those of entries first."""
    environment = _environment(system, base)
    menus = [(path, _menu(system, base, path, environment)) for path in GRUB]
    if not any(menu.entries for _, menu in menus):
        paths = _on_esp(system, base)
        menus += [(path, _menu(system, base, path, environment)) for path in paths]
    # An entry of type #1 may have variables that the configuration sets.
    known = {name: value for _, menu in menus for name, value in menu.variables.items()}
    found = [
        *typeone.entries(system, base, known | environment),
        *(each for path, menu in menus for each in _grub(path, menu)),
        *_others(system, base),
        *(bootvariables.entries(system) if not base else ()),
    ]
    found = [
        _followed(system, base, each) for each in (*found, *boards.command_lines(system, base))
    ]
    for path, loader in FOR_ALL.items():
        text = system.text(base + path)
        if text is not None:
            bare = boards.imageless(system, base) if loader == "firmware" else ""
            line = CommandLine(without_comments(text), path, loader=loader, imageless=bare)
            found.append(line)
    unified = otherconfigs.unified(system, base)
    found += [CommandLine(text, path, loader="unified") for path, text in unified]
    running = None if base else system.text(RUNNING)
    if running is not None:
        running = " ".join(running.split())
    lines = ordered(found[:MOST], running, typeone.started_by(system) if not base else "")
    if running is not None:
        lines.append(CommandLine(running, RUNNING))
    return tuple(_cut(each) for each in lines)


def _cut(line: CommandLine) -> CommandLine:
    """Return the line as far as a kernel would take it."""
    if len(line.text) <= LONGEST:
        return line
    return replace(line, text=line.text[:LONGEST], origin=f"{line.origin} (its beginning)")


def _followed(system: System, base: str, line: CommandLine) -> CommandLine:
    """Return the line with what links name that it starts: Debian's /vmlinuz and /initrd.img."""
    kernel = _behind(system, base, line.kernel)
    images = tuple(filter(None, (_behind(system, base, each) for each in line.images)))
    place = PLACE.match(line.kernel)
    path = line.kernel[place.end() :] if place else line.kernel
    folders = kernelfiles.folders_for(line.origin)
    release = line.release or kernelfiles.release_of(system, base, path, folders)
    return replace(
        line, kernel=kernel or line.kernel, images=(*line.images, *images), release=release
    )


def _behind(system: System, base: str, path: str) -> str:
    """Return the name of the file that a link in / or /boot names; "" if it is no link."""
    name = path.rpartition("/")[2]
    for folder in ("/", "/boot/") if name in LINKS else ():
        target = system.real(f"{base}{folder}{name}")
        if target is not None and (other := target.rpartition("/")[2]) != name:
            return other
    return ""


def _environment(system: System, base: str) -> dict[str, str]:
    """Return the variables of GRUB's environment block (grub-editenv(1))."""
    for path in GRUB_ENVIRONMENTS:
        if text := system.text(base + path):
            pairs = (line.partition("=") for line in lines(text) if line[:1] != "#")
            return {name: value for name, equals, value in pairs if equals}
    return {}


def _menu(system: System, base: str, path: str, environment: Mapping[str, str]) -> grubmenu.Menu:
    folder = path.rpartition("/")[0]

    def other(name: str) -> str | None:
        place = PLACE.match(name)
        rest = name[place.end() :] if place else name
        if place and place[1] in IN_FOLDER:
            return _grub_text(system, f"{base}{folder}{rest}")
        found = (_grub_text(system, f"{base}{boot}{rest}") for boot in ("", "/boot"))
        return next((text for text in found if text is not None), None)

    return grubmenu.read(_grub_text(system, base + path) or "", environment, other)


def _grub_text(system: System, path: str) -> str | None:
    text = system.text(path)
    return "\n".join(lines(text)) if text is not None else None


def _on_esp(system: System, base: str) -> list[str]:
    """Return the configurations in the folders of the EFI system partition."""
    folders = [f"{boot}/EFI" for boot in typeone.BOOT_FOLDERS]
    return [f"{folder}/{name}/grub.cfg" for folder in folders
            for name in system.names(base + folder)]  # fmt: skip


def _grub(path: str, menu: grubmenu.Menu) -> Iterator[CommandLine]:
    """Yield a command line for each entry of GRUB's configuration."""
    for entry in menu.entries[:MOST]:
        # GRUB quotes a word with blanks for the kernel.
        given = (f'"{word}"' if re.search(r"\s", word) else word for word in entry.words)
        text = " ".join(" ".join(given).split())
        named = f"{path} ({entry.title})" if entry.title else path
        yield CommandLine(text, named, entry.kernel, entry.images, "GRUB")


def _others(system: System, base: str) -> Iterator[CommandLine]:
    def text(path: str) -> str:
        return system.text(base + path) or ""

    readers = [
        ("rEFInd", bootmenus.STANZAS, bootmenus.stanzas),
        ("rEFInd", bootmenus.REFIND, bootmenus.refind),
        ("Limine", bootmenus.LIMINE, bootmenus.limine),
        ("Limine", bootmenus.LIMINE_OLD, bootmenus.limine_old),
    ]
    found = [
        ("syslinux", path, bootmenus.syslinux(path, partial(_text, system, base)))
        for path in bootmenus.SYSLINUX
    ]
    found += [(name, path, read(text(path))) for name, paths, read in readers for path in paths]
    found.append(("zipl", otherconfigs.ZIPL, otherconfigs.zipl(system, base)))
    for name, path, entries in found:
        for title, options, kernel, images in entries:
            yield CommandLine(options, f"{path} ({title})", kernel, images, name)


def _text(system: System, base: str, path: str) -> str | None:
    return system.text(base + path)
