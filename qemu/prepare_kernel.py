"""Put the lab's kernel into the cache, for qemu/setup.sh."""

import sys

from initpy.image.process import ToolError
from initpy.lab.errors import LabError
from initpy.lab.kernels import prepare_kernel


def say(line: str) -> None:
    """Print a line of progress."""
    print(f"setup: {line}", flush=True)


def main() -> int:
    """Prepare the kernel and print its release."""
    try:
        kernel = prepare_kernel(say)
    except (LabError, ToolError) as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    say(f"kernel {kernel.version} is in {kernel.image.parents[1]}")
    return 0


sys.exit(main())
