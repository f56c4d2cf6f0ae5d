"""A shell in namespaces of its own, where a test may mount what it likes."""

import os


def command(script: str, *arguments: str, network: bool = False) -> list[str]:
    """Return the command of a script, which has the arguments as $1 and so on.

    Root needs no user of its own: a chroot does not let it have one.
    """
    kinds = f"-m{'n' if network else ''}{'' if os.geteuid() == 0 else 'r'}"
    return ["unshare", kinds, "sh", "-c", script, "sh", *arguments]
