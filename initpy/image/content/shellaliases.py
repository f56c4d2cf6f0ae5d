"""Aliases for the rescue shell, so that it runs the programs of the image.

Debian's static busybox prefers its applets to what is in PATH (FEATURE_SH_STANDALONE), and nothing
turns that off. Its modprobe wants modules.dep as text, which the image does not have. An alias
comes before an applet. The interactive shell reads them from the file that ENV names (sh(1));
scripts call such a program by its path.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from initpy.image import process

PATH = "/usr/lib/initpy/shell-aliases"
# Prints those of its arguments that are no builtins: an alias would take job control from `kill`.
SORT_OUT = 'for each; do case "$(type "$each")" in *builtin*) ;; *) echo "$each" ;; esac; done'


def text(applets: Iterable[str], programs: Mapping[str, str], busybox: Path) -> str:
    """An alias for each applet that is a program (name -> path) too; `busybox` runs here."""
    both = sorted(name for name in set(applets) if name in programs and name != busybox.name)
    if not both:
        return ""
    command = [str(busybox), "sh", "-c", SORT_OUT, "sh", *both]
    names = process.run(command).decode().splitlines()
    return "".join(f"alias {name}={programs[name]}\n" for name in names)
