"""What the image's crypttab names and the image does not hold, said before the boot."""

from initpy.config.crypttab import parse_crypttab
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
        key = volume.key or ""
        if key.startswith("/") and not key.startswith("/dev/") and key not in tree:
            warnings.append(
                f"{CRYPTTAB}: the key file of {volume.name} is not in the image, so that the boot "
                f"asks for a passphrase; to put it in: --add {key}:{key}"
            )
    return warnings
