"""Generates the lines of the disk maker's script for encrypted volumes."""

import base64
import shlex
from collections.abc import Callable, Iterator

from initpy.scenario.model import Layer

# A cheap key derivation, like that of `format` in qemu/maker.sh. A scenario may need the real cost.
_CHEAP = "--pbkdf pbkdf2 --pbkdf-force-iterations 1000"
_HEADER_BYTES = 16 << 20
PLAIN_OPTIONS = ("--cipher", "aes-xts-plain64", "--key-size", "512", "--hash", "sha256")


def coded(content: str) -> str:
    """Return a text encoded as one shell word."""
    return base64.b64encode(content.encode()).decode()


def write_file(path: str, content: str) -> str:
    """Return a line that writes a file with any content."""
    return f"echo {coded(content)} | base64 -d >{shlex.quote(path)}"


def volume(layer: Layer, device: str, key: str, place: Callable[[str], str]) -> Iterator[str]:
    """Yield lines that create and open a volume; `place` returns the device of a disk or layer."""
    sources = []
    for file, secret in (("passphrase", layer.passphrase), ("keyfile", key)):
        if secret:
            yield write_file(f"/run/{file}", secret)
            sources.append(f"/run/{file}")
    name = shlex.quote(layer.name)
    if layer.kind == "plain":
        # Without --key-file cryptsetup hashes the passphrase, as if typed.
        words = " ".join(PLAIN_OPTIONS)
        yield f"cryptsetup open --batch-mode --type plain {words} {device} {name} <{sources[0]}"
        return
    header, options = "", list(_options(layer))
    if layer.header:
        header = f"--header /run/{layer.name}.header"
        yield f"truncate -s {_HEADER_BYTES} /run/{layer.name}.header"
    yield f"format {device} {sources[0]} {shlex.join(options)} {header}".rstrip()
    for source in sources[1:]:
        words = f"--batch-mode {_CHEAP} --key-file {sources[0]} {header}".rstrip()
        yield f"cryptsetup luksAddKey {words} {device} {source}"
    words = f"--type luks --key-file {sources[0]} {header}".rstrip()
    yield f"cryptsetup open {words} {device} {name}"
    if layer.header:
        where, _, path = layer.header.partition(":")
        if path:
            yield f"mount {place(where)} /mnt"
            yield f"cp /run/{layer.name}.header /mnt{shlex.quote(path)}"
            yield "umount /mnt"
        else:
            yield f"cat /run/{layer.name}.header >{place(where)}"


def _options(layer: Layer) -> Iterator[str]:
    yield from ("--type", layer.kind)
    if layer.argon2:
        memory, passes = layer.argon2
        yield from ("--pbkdf", "argon2id", "--pbkdf-parallel", "1")
        yield from ("--pbkdf-memory", str(memory), "--pbkdf-force-iterations", str(passes))
    elif layer.kind == "luks2":
        yield from ("--pbkdf", "pbkdf2")
    if layer.cipher:
        yield from ("--cipher", layer.cipher)
        if layer.cipher.startswith("aegis128"):
            yield from ("--key-size", "128")  # the only one that it has
    if layer.hash:
        yield from ("--hash", layer.hash)
    if layer.integrity:
        yield from ("--integrity", layer.integrity)
    if layer.kind == "luks2" and layer.label:
        yield from ("--label", layer.label)
    if layer.uuid:
        yield from ("--uuid", layer.uuid)
