"""Put the lab's kernel into the cache: the last step of qemu/setup.sh that needs Python."""

import sys

from initpy.image.process import ToolError
from initpy.lab.errors import LabError
from initpy.lab.kernels import prepare_kernel


def say(line: str) -> None:
    """One line of the set-up's progress."""
    print(f"setup: {line}", flush=True)


def main() -> int:
    """Prepare the kernel and name it."""
    try:
        kernel = prepare_kernel(say)
    except (LabError, ToolError) as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    say(f"kernel {kernel.version} is in {kernel.image.parents[1]}")
    return 0


sys.exit(main())
