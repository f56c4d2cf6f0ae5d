"""Start the host's programs: the one place in the lab where processes are run to their end."""

import shlex
import subprocess
from collections.abc import Callable, Sequence

# Takes one line that tells a person what is going on.
Progress = Callable[[str], None]


class LabError(RuntimeError):
    """The world misbehaved: a tool failed, a machine died; the message says what to do about it."""


def run_tool(
    argv: Sequence[str],
    *,
    why: str,
    hint: str = "",
    data: bytes | None = None,
    timeout: float = 600,
) -> str:
    """Run a program to its end and return its output; `why` and `hint` explain a failure."""
    shown = shlex.join(argv)
    try:
        done = subprocess.run(
            argv,
            input=data if data is not None else b"",
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError:
        raise LabError(
            f"{why}: {argv[0]} is not installed\n  try: {hint or 'make setup'}\n  command: {shown}"
        ) from None
    except subprocess.TimeoutExpired:
        raise LabError(f"{why}: no end after {timeout:.0f} s\n  command: {shown}") from None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip() or f"exit status {done.returncode}"
        advice = f"\n  try: {hint}" if hint else ""
        raise LabError(f"{why}: {said}{advice}\n  command: {shown}")
    return done.stdout.decode(errors="replace")
