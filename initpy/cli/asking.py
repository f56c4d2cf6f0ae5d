"""Sends the requests of the shell's commands to the running engine."""

import socket
import sys

SOCKET = "/run/initpy/control"


def ask(line: str, secret: bytes | bytearray = b"", patience: float | None = 10.0) -> int:
    """Send a request and print the answer; return 0 if done, 1 if refused or without an answer.

    `patience` limits the wait for the answer, in seconds; None waits without a limit.
    """
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(patience)
            connection.connect(SOCKET)
            connection.sendall(line.encode(errors="surrogateescape") + b"\n" + secret)
            with connection.makefile("r", encoding="utf-8") as answer:
                verdict, text = answer.readline().strip(), answer.read()
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
