"""The layout of the keyboard at prompts: its parameters, and the files of a system that set it.

vconsole.conf(5), keyboard(5), dracut.cmdline(7). An image has layouts as binary keymaps of
loadkeys(1), made when it is built: a boot runs no program for them.
"""

import re
from collections.abc import Iterable, Mapping

from initpy.config.assignments import assignments, environment
from initpy.config.commandline import Parameter, parse
from initpy.core.tuples import NamedTuple

FOLDER = "/usr/lib/initpy/keymaps"  # in the image
ENDING = ".bmap"
DEFAULT = f"{FOLDER}/default{ENDING}"  # the machine's own
RECORD = f"{FOLDER}/layout"  # the machine's files said so when the image was built
CONSOLE = "/etc/vconsole.conf"
XKB = "/etc/default/keyboard"
# The last of them wins. With `-` for `_`.
PARAMETERS = ("rd.vconsole.keymap", "vconsole.keymap", "KEYMAP", "KEYTABLE", "keymap")
NAME = re.compile(r"[A-Za-z0-9][\w.+@-]*")
EXPECTED = "the name of a keymap, such as de-latin1"
# What the kernel has by itself.
KERNELS = ("us", "@kernel", "defkeymap", "")


class Layout(NamedTuple):
    """A layout as a system's files name it: a keymap of the console, or one of X11."""

    keymap: str = ""  # a name or a path for loadkeys(1)
    toggle: str = ""  # a second one, loaded above the first
    layout: str = ""  # the next four as in xkeyboard-config(7)
    model: str = ""
    variant: str = ""
    options: str = ""

    @property
    def is_kernels(self) -> bool:
        """Whether the kernel has this layout without any keymap."""
        if self.keymap:
            return self.keymap in KERNELS and not self.toggle
        return self.layout in KERNELS and not self.variant and not self.options

    @property
    def record(self) -> str:
        """All of it in one line."""
        return " ".join(f"{key}={value}" for key, value in self._asdict().items() if value)

    def __str__(self) -> str:
        return self.keymap or "-".join(filter(None, (self.layout, self.variant)))


def layout_of(texts: Mapping[str, str]) -> Layout:
    """Return the layout that these files (path -> text) set; an empty one if none does."""
    console = dict(environment(texts.get(CONSOLE, "")))
    xkb = dict(assignments(texts.get(XKB, "")))
    keymap = console.get("KEYMAP") or xkb.get("KMAP") or ""
    if keymap:
        return Layout(keymap, console.get("KEYMAP_TOGGLE", ""))
    both = xkb | {key: value for key, value in console.items() if key.startswith("XKB") and value}
    words = (both.get(f"XKB{each}", "") for each in ("LAYOUT", "MODEL", "VARIANT", "OPTIONS"))
    return Layout("", "", *words)


def keymap(parameter: Parameter) -> str:
    """Return the name of a keymap. Raises InputError."""
    name = parameter.text(EXPECTED).removesuffix(".gz").removesuffix(".map")
    if not NAME.fullmatch(name):
        raise parameter.error(EXPECTED)
    return name


def named_in(lines: Iterable[str]) -> tuple[str, ...]:
    """Return the keymaps that these command lines name."""
    given = (each for line in lines for each in parse(line).parameters)
    names = (each.value or "" for each in given if each.key.replace("_", "-") in PARAMETERS)
    return tuple(dict.fromkeys(each for each in names if NAME.fullmatch(each)))
