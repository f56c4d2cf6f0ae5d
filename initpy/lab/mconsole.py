"""A client of User Mode Linux's management console (arch/um/drivers/mconsole.h)."""

import socket
import struct
from pathlib import Path

from initpy.lab.errors import LabError

_MAGIC, _VERSION = 0xCAFEBABE, 2
_REQUEST = struct.Struct("<III512s")
_REPLY = struct.Struct("<III")  # error, more to come, length; then the text
_PATIENCE = 20.0


def tell(console: Path, command: str) -> str:
    """Send a command, such as `cad` or `sysrq t`; return the kernel's answer."""
    own = console.with_name("answers")
    own.unlink(missing_ok=True)
    text = ""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as talk:
        talk.bind(str(own))
        talk.settimeout(_PATIENCE)
        try:
            request = _REQUEST.pack(_MAGIC, _VERSION, len(command), command.encode())
            talk.sendto(request, str(console))
            more = 1
            while more:
                answer = talk.recv(4096)
                error, more, length = _REPLY.unpack_from(answer)
                text += answer[_REPLY.size : _REPLY.size + length].rstrip(b"\0").decode()
        except OSError as failure:
            raise LabError(f"User Mode Linux: {command}: {failure}") from failure
    if error:
        raise LabError(f"User Mode Linux: {command}: {text}")
    return text
