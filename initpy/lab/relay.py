"""Connects its standard input and output to a socket: `relay.py SOCKET`.

QEMU's user network starts a program for each connection that the guest makes to an address
(`guestfwd=…-cmd:…`), and this is the program. It ends when either side does: with the machine, or
at once if nobody listens on the socket. A script of its own, so that it starts quickly.
"""

import select
import socket
import sys

CHUNK = 1 << 16


def relay(one: socket.socket, other: socket.socket) -> None:
    """Pass on what each says, until one of them has ended."""
    ends = {one: other, other: one}
    while True:
        for each in select.select(list(ends), [], [])[0]:
            data = each.recv(CHUNK)
            if not data:
                return
            ends[each].sendall(data)


def main(path: str) -> None:
    """Connect; QEMU gives a socket as standard input and output."""
    guest = socket.socket(fileno=0)
    server = socket.socket(socket.AF_UNIX)
    try:
        server.connect(path)
        relay(guest, server)
    except OSError:
        return  # nobody listens, or one side was cut off


if __name__ == "__main__":
    main(sys.argv[1])
