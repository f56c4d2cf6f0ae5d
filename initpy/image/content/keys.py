"""Checks the image's crypttab at build time: malformed lines, and files missing from the image."""

from collections.abc import Iterator

from initpy.config.crypttab import TOKENS, parse_crypttab
from initpy.config.errors import InputError
from initpy.core.volumes import VolumeSpec
from initpy.image.tree import File, Tree

CRYPTTAB = "/etc/crypttab"


def crypttab_warnings(tree: Tree) -> list[str]:
    """Return a warning for each malformed line and for each key file that the image lacks.

    A build never adds a key file unless the user names it: the image is stored beside the disk that
    the key unlocks.
    """
    entry = tree.get(CRYPTTAB)
    if not isinstance(entry, File):
        return []
    volumes, problems = parse_crypttab(CRYPTTAB, entry.read().decode(errors="surrogateescape"))
    warnings = [f"{problem}; the boot goes on without it" for problem in problems]
    for volume in volumes:
        for what, path, consequence in _files(volume):
            if path not in tree:
                warnings.append(
                    f"{CRYPTTAB}: the {what} of {volume.name} is not in the image, so the "
                    f"boot {consequence}; to add it: --add {path}:{path}"
                )
    return warnings


def check_crypttab(path: str, text: str) -> None:
    """Raise InputError for a line that the boot would not understand.

    Lines with token options pass: such a volume also opens with its passphrase.
    """
    for problem in parse_crypttab(path, text)[1]:
        if not problem.remark and not str(problem.value).startswith(TOKENS):
            hint = "correct it, or build with a file of your own: --crypttab FILE"
            raise InputError(problem.where, problem.value, f"{problem.expected}; {hint}")


def _files(volume: VolumeSpec) -> Iterator[tuple[str, str, str]]:
    """Yield the files that a volume needs in the image: what, path, the consequence without."""
    key, header = volume.key, volume.header
    if key is not None and key.program:
        yield "key script", key.program, "asks for a passphrase"
    elif key is not None and key.device is None:
        left = "leaves the volume to the real system unless root does not come"
        yield "key file", key.path, left if volume.listed else "asks for a passphrase"
    if header is not None and header.device is None:
        yield "header", header.path, "cannot open it"
