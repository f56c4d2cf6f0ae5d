"""Sends the requests of the shell's commands to the running engine."""

import contextlib
import socket
import sys

SOCKET = "/run/initpy/control"
# The engine reports every few seconds that it works on a request: a silent engine hangs.
PATIENCE = 10.0
REPORT_EVERY = 10  # seconds between two lines for the user
HANGS = (
    "the engine has not answered for {:.0f} s: it hangs. Process 1 starts another one within a"
    " minute; try again then"
)


def ask(line: str, secret: bytes | bytearray = b"") -> int:
    """Send a request and print the answer; return 0 if done, 1 if refused or without an answer.

    Wait for as long as the engine reports that it works on the request. Ctrl-C ends the wait.
    """
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE)
            connection.connect(SOCKET)
            connection.sendall(line.encode(errors="surrogateescape") + b"\n")
            with contextlib.suppress(BrokenPipeError):  # refused already: the answer says why
                if secret:
                    connection.sendall(secret)
            with connection.makefile("r", encoding="utf-8") as answer:
                reported = 0
                while (verdict := answer.readline().strip()).startswith("wait "):
                    reported = _report(reported, verdict.removeprefix("wait "))
                text = answer.read()
    except TimeoutError:
        print(f"initpy: {HANGS.format(PATIENCE)}", file=sys.stderr)
        return 1
    except OSError as error:
        print(
            f"initpy: no engine answers on {SOCKET}: {error.strerror or error}; "
            "this works inside the initramfs",
            file=sys.stderr,
        )
        return 1
    if verdict == "ok":
        sys.stdout.write(text)
        return 0
    print(f"initpy: {text.strip() or 'the engine has ended; try again'}", file=sys.stderr)
    return 1


def _report(reported: int, seconds: str) -> int:
    """Print now and then that the request takes long; return the time of the last such line."""
    if not seconds.isdecimal() or int(seconds) < reported + REPORT_EVERY:
        return reported
    print(
        f"initpy: not answered after {seconds} s; `initpy status` shows what goes on,"
        " Ctrl-C ends this wait only",
        file=sys.stderr,
        flush=True,
    )
    return int(seconds)
