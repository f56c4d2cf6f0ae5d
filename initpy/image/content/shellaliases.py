"""Writes aliases for the rescue shell, so that it runs the image's programs.

Debian's static busybox prefers its applets to programs in PATH (FEATURE_SH_STANDALONE), and no
setting changes that. Its modprobe needs modules.dep as text, which the image does not have. An
alias takes precedence over an applet. The interactive shell reads aliases from the file in ENV
(sh(1)); scripts call such a program by its path.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from initpy.image import process

PATH = "/usr/lib/initpy/shell-aliases"
# Prints the arguments that are no builtins: an alias for `kill` would break job control.
SORT_OUT = 'for each; do case "$(type "$each")" in *builtin*) ;; *) echo "$each" ;; esac; done'


def text(applets: Iterable[str], programs: Mapping[str, str], busybox: Path) -> str:
    """Return an alias for each applet with a program (name -> path) of its name; runs `busybox`."""
    both = sorted(name for name in set(applets) if name in programs and name != busybox.name)
    if not both:
        return ""
    command = [str(busybox), "sh", "-c", SORT_OUT, "sh", *both]
    names = process.run(command).decode().splitlines()
    return "".join(f"alias {name}={programs[name]}\n" for name in names)
