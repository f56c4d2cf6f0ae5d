"""A script that connects its standard input and output to a socket: `relay.py SOCKET`.

QEMU's user network starts it for each connection of the guest to an address (`guestfwd=…-cmd:…`).
It ends with either side: with the machine, or at once if no server listens on the socket. It is a
separate script so that it starts quickly.
"""

import select
import socket
import sys

CHUNK = 1 << 16


def relay(one: socket.socket, other: socket.socket) -> None:
    """Forward data in both directions until one side ends."""
    ends = {one: other, other: one}
    while True:
        for each in select.select(list(ends), [], [])[0]:
            data = each.recv(CHUNK)
            if not data:
                return
            ends[each].sendall(data)


def main(path: str) -> None:
    """Connect and relay; QEMU passes a socket as standard input and output."""
    guest = socket.socket(fileno=0)
    server = socket.socket(socket.AF_UNIX)
    try:
        server.connect(path)
        relay(guest, server)
    except OSError:
        return  # no server listens, or one side was cut off


if __name__ == "__main__":
    main(sys.argv[1])
