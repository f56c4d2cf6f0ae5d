"""Names the fonts of the console that an image has, and the parameters that choose one (R37)."""

import re

from initpy.config.commandline import Parameter

FONT_FOLDER = "/usr/lib/initpy/fonts"  # in the image: NAME.psf; default.psf is the machine's own
# systemd-vconsole-setup(8), dracut.cmdline(7); the first wins.
FONT_PARAMETERS = ("rd.vconsole.font", "vconsole.font")
EXPECTED = "the name of a font of the console, such as ter-v32n"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


def is_name(text: str) -> bool:
    """Return whether a font may have this name: udev's rule and the shell take it as it is."""
    return NAME.fullmatch(text) is not None


def font(parameter: Parameter) -> str:
    """Return the name of a font. Raises InputError."""
    name = parameter.text(EXPECTED)
    if not is_name(name):
        raise parameter.error(EXPECTED)
    return name
