"""Random iscsid.conf as iscsiadm and initpy read them (R28).

As a program, in namespaces of its own: write a record for each text on standard input, a JSON list,
and print what the record says.
"""

import contextlib
import json
import random
import re
import shutil
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest

CASES = 150
WORDS = ("bob", "a b", "# x", "a=b", "a#b", '"q"', "ä", "= b", "x" * 300, "")
# What each kind of setting takes. A word that it does not is left out by iscsiadm, and by iscsid
# where a record has it.
VALUES = {
    "node.session.auth.authmethod": ("CHAP", "None", ""),
    "node.session.auth.username": WORDS,
    "node.session.auth.password_in": WORDS,
    "node.session.timeo.replacement_timeout": ("5", "77", "-1", ""),
    "node.conn[0].timeo.login_timeout": ("6", "7 ", ""),
    "node.session.iscsi.FastAbort": ("Yes", "No", ""),
    "node.conn[0].iscsi.HeaderDigest": ("CRC32C", "CRC32C,None", ""),
    "NODE.session.auth.username": WORDS,
    "discovery.sendtargets.auth.username": WORDS,
}
SIGNS = (" = ", "=", " =", "= ", "\t=\t", " ", "  =  ", ":", "", "= =", "==", "\x0b=")
ENDS = ("", "", "", " ", "\t", "\r", " \r", "\x0b", "\0")
PLACES = ("/etc/iscsi", "/var/lib")
SCRIPT = (
    "mount -t tmpfs x /run && mkdir -p /run/lock/iscsi && mount -t tmpfs x /etc/iscsi && "
    "mount -t tmpfs x /var/lib && mkdir /var/lib/iscsi && "
    'echo InitiatorName=iqn.2000-01.a:b > /etc/iscsi/initiatorname.iscsi && exec "$@"'
)


def configuration(chance: random.Random) -> str:
    lines = "\n".join(_line(chance) for _ in range(chance.randint(1, 4)))
    return lines + chance.choice(("\n", "\n", "\n", ""))


def _line(chance: random.Random) -> str:
    name = chance.choice(tuple(VALUES))
    before = chance.choice(("", "", "", "", " ", "\t", "#", " #", ";"))
    return f"{before}{name}{chance.choice(SIGNS)}{chance.choice(VALUES[name])}{chance.choice(ENDS)}"


def _answer(here: socket.socket) -> None:
    """Be iscsid, for the question where its configuration is."""
    while True:
        asking, _ = here.accept()
        with asking, contextlib.suppress(OSError):
            (question,) = struct.unpack_from("=I", asking.recv(65536))
            path = b"/etc/iscsi/iscsid.conf"
            asking.sendall(struct.pack("=II", question, 0) + path.ljust(65536, b"\0"))


def _record(text: str) -> dict[str, str]:
    """What iscsiadm writes for a new target."""
    for place in ("/etc/iscsi", "/var/lib/iscsi"):
        for folder in ("nodes", "static"):
            shutil.rmtree(f"{place}/{folder}", ignore_errors=True)
    Path("/etc/iscsi/iscsid.conf").write_bytes(text.encode())
    command = "iscsiadm -m node -o new -T iqn.2000-01.x:y -p 1.2.3.4:3260,1 -I default"
    subprocess.run(command.split(), capture_output=True, check=False, timeout=30)
    found = [path for each in PLACES for path in Path(each).rglob("default")]
    lines = found[0].read_bytes().decode().split("\n") if found else []
    return dict(pair for line in lines if len(pair := line.split(" = ", 1)) == 2)


def recorded(texts: list[str]) -> list[dict[str, str]]:
    """The records for these texts, none if they cannot be made here."""
    if not all(map(shutil.which, ("iscsiadm", "unshare"))) or not Path("/etc/iscsi").is_dir():
        return []
    import namespaces  # not where this file is a program

    command = namespaces.command(SCRIPT, sys.executable, __file__, network=True)
    done = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else []


def test_random_files_are_read_as_by_iscsiadm() -> None:
    from initpy.config.network import iscsidconf

    chance = random.Random(28)
    texts = ["", *(configuration(chance) for _ in range(CASES))]
    usual, *records = recorded(texts) or [{}]
    if not usual:
        pytest.skip("needs iscsiadm, and namespaces to run it in")
    for text, record in zip(texts[1:], records, strict=True):
        expected = {key: value for key, value in record.items() if value != usual.get(key)}
        found, _ = iscsidconf.records(text)
        ours = {
            key: re.sub("^([0-9]+) .*", r"\1", value)
            for key, value in found.items()
            if key.startswith(iscsidconf.PREFIX) and value != usual.get(key)
        }
        assert ours == expected, text


if __name__ == "__main__":
    server = socket.socket(socket.AF_UNIX)
    server.bind("\0ISCSIADM_ABSTRACT_NAMESPACE")
    server.listen()
    threading.Thread(target=_answer, args=(server,), daemon=True).start()
    sys.stdout.write(json.dumps([_record(each) for each in json.load(sys.stdin)]))
