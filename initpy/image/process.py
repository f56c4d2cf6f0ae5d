"""Starts programs for builds and checks, and explains each failure in the same way."""

import fcntl
import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

# A tool must behave alike on every machine: no locale, no PYTHON* variables, no options from the
# user's environment (XZ_OPT, ZSTD_CLEVEL, GZIP).
CLEAN_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
# The usual limit for unprivileged users (fs.pipe-max-size in proc(5)).
PIPE_SIZE = 1 << 20


class ToolError(RuntimeError):
    """A program failed or could not be started; the text has the command, output and hint."""

    def __init__(self, command: Sequence[str], problem: str, output: str, hint: str) -> None:
        lines = [f"{command[0]} {problem}", f"  command: {shlex.join(command)}"]
        lines += [f"  output: {line}" for line in output.strip().splitlines()[-10:]]
        if hint:
            lines.append(f"  hint: {hint}")
        super().__init__("\n".join(lines))
        self.command = tuple(command)
        self.hint = hint


def run(
    command: Sequence[str],
    *,
    hint: str = "",
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
) -> bytes:
    """Run a program, wait for its end and return its output. Raises ToolError if it fails."""
    try:
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            check=False,
            env={**CLEAN_ENVIRONMENT, **(environment or {})},
        )
    except OSError as error:
        raise ToolError(command, f"could not be started: {error.strerror}", "", hint) from error
    if done.returncode != 0:
        output = (done.stderr or done.stdout).decode(errors="replace")
        raise ToolError(command, _ending(done.returncode), output, hint)
    return done.stdout


class Pipe:
    """A running program (a compressor) that reads from a pipe and writes to an open file.

    `hint` says how to install the program.
    """

    def __init__(self, command: Sequence[str], output: int, *, hint: str = "") -> None:
        self._command = tuple(command)
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.PIPE,
                env=CLEAN_ENVIRONMENT,
            )
        except OSError as error:
            problem = f"could not be started: {error.strerror}"
            raise ToolError(command, problem, "", hint) from error
        assert self._process.stdin is not None
        # A larger pipe saves context switches. The default of 64 kB works too.
        with suppress(OSError):
            fcntl.fcntl(self._process.stdin, fcntl.F_SETPIPE_SZ, PIPE_SIZE)

    def write(self, data: bytes) -> None:
        """Write to the program. If it has died, raise ToolError with its error output."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(data)
        except BrokenPipeError:
            self.finish()
            raise ToolError(self._command, "stopped reading", "", "") from None

    def finish(self) -> None:
        """Wait for the program's end. Raises ToolError if it failed."""
        _, complaint = self._process.communicate()
        if self._process.returncode != 0:
            output = complaint.decode(errors="replace")
            raise ToolError(self._command, _ending(self._process.returncode), output, "")

    def abandon(self) -> None:
        """Kill the program: the build has failed elsewhere."""
        self._process.kill()
        self._process.communicate()


def _ending(status: int) -> str:
    return f"was killed by signal {-status}" if status < 0 else f"failed with exit status {status}"


def in_root(root: Path, command: Sequence[str]) -> list[str]:
    """Return the command that runs `command` with `root` as its root, also without privileges."""
    enter = ["chroot", str(root), *command]
    return enter if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", *enter]
