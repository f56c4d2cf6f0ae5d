"""What the image's crypttab names and the image does not hold, said before the boot."""

from collections.abc import Iterator

from initpy.config.crypttab import TOKENS, parse_crypttab
from initpy.config.errors import InputError
from initpy.core.unlock.specs import VolumeSpec
from initpy.image.tree import File, Tree

CRYPTTAB = "/etc/crypttab"


def crypttab_warnings(tree: Tree) -> list[str]:
    """Lines that cannot be used, and key files that are not in the image.

    A key file is put into an image only if someone asks for it by name: the
    image lies beside the disk that it unlocks.
    """
    entry = tree.get(CRYPTTAB)
    if not isinstance(entry, File):
        return []
    volumes, problems = parse_crypttab(CRYPTTAB, entry.read().decode(errors="replace"))
    warnings = [f"{problem}; the boot goes on without it" for problem in problems]
    for volume in volumes:
        for what, path, consequence in _files(volume):
            if path not in tree:
                warnings.append(
                    f"{CRYPTTAB}: the {what} of {volume.name} is not in the image, so that the "
                    f"boot {consequence}; to put it in: --add {path}:{path}"
                )
    return warnings


def check_crypttab(path: str, text: str) -> None:
    """InputError for a line of a volume which the boot takes that it would not understand.

    Tokens may be named: such a volume opens with its passphrase, too.
    """
    for problem in parse_crypttab(path, text)[1]:
        if not str(problem.value).startswith(TOKENS):
            hint = "correct it, or build with a file of your own: --crypttab FILE"
            raise InputError(problem.where, problem.value, f"{problem.expected}; {hint}")


def _files(volume: VolumeSpec) -> Iterator[tuple[str, str, str]]:
    """The files of the image that a volume needs: what, path, what happens without."""
    key, header = volume.key, volume.header
    if key is not None and key.program:
        yield "key script", key.program, "asks for a passphrase"
    elif key is not None and key.device is None:
        yield "key file", key.path, "asks for a passphrase"
    if header is not None and header.device is None:
        yield "header", header.path, "cannot open it"
