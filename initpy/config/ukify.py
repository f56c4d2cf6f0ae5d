"""The configuration of ukify(1), which also says how kernel-install(8) makes unified images."""

import configparser
from collections.abc import Mapping

# That of kernel-install's plugin and of mkinitcpio, then ukify's own; the first one counts.
PLACES = (
    "/etc/kernel/uki.conf", "/run/kernel/uki.conf", "/usr/local/lib/kernel/uki.conf",
    "/usr/lib/kernel/uki.conf", "/etc/systemd/ukify.conf", "/run/systemd/ukify.conf",
    "/usr/local/lib/systemd/ukify.conf", "/usr/lib/systemd/ukify.conf",
)  # fmt: skip
Sections = Mapping[str, Mapping[str, str]]


def parse(text: str) -> Sections | None:
    """Return the sections with their keys in small letters; None if it is no such file."""
    parser = configparser.ConfigParser(
        comment_prefixes=("#",),
        inline_comment_prefixes=("#",),
        delimiters=("=",),
        empty_lines_in_values=False,
        interpolation=None,
        strict=False,
    )
    try:
        parser.read_string(text.removeprefix("\ufeff"))
    except configparser.Error:
        return None
    return {name: dict(parser.items(name)) for name in parser.sections()}
