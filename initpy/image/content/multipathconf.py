"""The files that multipath.conf(5) names: the folder of more configuration, and tables of names."""

import re
from collections.abc import Iterator

PATH = "/etc/multipath.conf"
# Settings with a path; `config_dir` is a folder of which multipathd reads `*.conf`.
NAMED = re.compile(
    r"""^\s*(?:config_dir|bindings_file|wwids_file|prkeys_file)\s+"?(/[^\s"#!]+)""", re.MULTILINE
)


def files(text: str) -> Iterator[str]:
    """Yield the paths that a multipath.conf names besides the usual ones."""
    yield from dict.fromkeys(NAMED.findall(text))
