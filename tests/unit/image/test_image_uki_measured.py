"""Signatures of the expected PCR values, made by the real tool with a software TPM (R27).

The test computes register 11 itself, from systemd-stub(7) and the TPM's specification.
"""

import argparse
import base64
import hashlib
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from initpy.cli.content import configure_content, requested
from initpy.config.errors import InputError
from initpy.image.build import uki
from initpy.image.formats import pe
from initpy.image.process import ToolError

# In systemd-stub's order of measurement.
MEASURED = (".linux", ".osrel", ".cmdline", ".initrd", ".splash", ".dtb", ".pcrpkey")
# Phases that systemd-pcrphase(8) measures; systemd-measure(1) signs a value for each.
PHASES = ("enter-initrd", "leave-initrd", "sysinit", "ready")
SECONDS = 20


@pytest.fixture
def tpm() -> Iterator[str]:
    """Start a software TPM for one test; yield its name for systemd-measure."""
    with TemporaryDirectory(prefix="tpm-") as folder:  # pytest's paths are too long for a socket
        path = Path(folder, "tpm")
        command = ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={folder}"]
        command += ["--server", f"type=unixio,path={path}"]
        command += ["--ctrl", f"type=unixio,path={path}.ctrl", "--flags", "startup-clear"]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
            try:
                deadline = time.monotonic() + SECONDS
                while not Path(f"{path}.ctrl").exists():
                    assert process.poll() is None and time.monotonic() < deadline, "no swtpm"
                    time.sleep(0.01)
                yield f"swtpm:path={path}"
            finally:
                process.kill()


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    openssl("genrsa", "-out", private, "2048")
    openssl("rsa", "-in", private, "-pubout", "-out", public)
    return private, public


def wanted(folder: Path, signing: uki.Signing) -> uki.Uki:
    linux = folder / "vmlinuz"
    linux.write_bytes(b"MZ, a kernel of some architecture")
    stub = uki.find_stub("x86_64")
    return uki.Uki(stub, linux, "6.1.0-test", "root=LABEL=x quiet", b"ID=debian\n", signing)


def openssl(*arguments: object) -> None:
    command = ["openssl", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True, timeout=SECONDS)


def extended(register: bytes, data: bytes) -> bytes:
    return hashlib.sha256(register + hashlib.sha256(data).digest()).digest()


def policy(register: bytes) -> str:
    """Return the policy's digest for this value of register 11 (TPM 2.0 part 3, TPM2_PolicyPCR)."""
    selection = bytes.fromhex("00000001 000b 03 000800")  # one bank, SHA-256, bit 11
    digest = hashlib.sha256(register).digest()
    return hashlib.sha256(bytes(32) + bytes.fromhex("0000017f") + selection + digest).hexdigest()


def test_the_image_has_signatures_of_the_expected_pcr_values(
    tmp_path: Path, tpm: str, keys: tuple[Path, Path]
) -> None:
    public = keys[1]
    data = uki.compose(wanted(tmp_path, uki.Signing(*keys, tpm=tpm)), b"an initramfs")
    places = pe.sections(memoryview(data))
    content = {name: data[at.offset : at.offset + at.size] for name, at in places.items()}
    assert content[".pcrpkey"] == public.read_bytes()
    assert content[".cmdline"] == b"root=LABEL=x quiet\0"

    register = bytes(32)
    for name in (each for each in MEASURED if each in content):
        register = extended(extended(register, name.encode() + b"\0"), content[name])
    signed = {each["pol"]: each for each in json.loads(content[".pcrsig"])["sha256"]}
    bare = ("-RSAPublicKey_out", "-outform", "DER", "-out", tmp_path / "public.der")
    openssl("rsa", "-pubin", "-in", public, *bare)
    fingerprint = hashlib.sha256((tmp_path / "public.der").read_bytes()).hexdigest()
    assert len(signed) == len(PHASES)
    for phase in PHASES:
        register = extended(register, phase.encode())
        found = signed[policy(register)]
        assert found["pcrs"] == [11]
        assert found["pkfp"] == fingerprint
        (tmp_path / "digest").write_bytes(bytes.fromhex(found["pol"]))
        (tmp_path / "signature").write_bytes(base64.b64decode(found["sig"]))
        check = ("-verify", public, "-signature", tmp_path / "signature", tmp_path / "digest")
        openssl("dgst", "-sha256", *check)  # fails for another signature


def test_an_absent_tpm_is_an_error_with_a_hint(
    tmp_path: Path, keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """systemd 252 needs a TPM for its computations; 257 does not."""
    measure = tmp_path / "systemd-measure"
    measure.write_text("#!/bin/sh\necho no TPM at $0 >&2\nexit 1\n")
    measure.chmod(0o755)
    monkeypatch.setattr(uki, "MEASURE", measure)
    signing = uki.Signing(*keys, tpm=f"swtpm:path={tmp_path}/none")
    with pytest.raises(ToolError, match=r"(?s)systemd-measure failed.*--pcr-tpm swtpm:path"):
        uki.compose(wanted(tmp_path, signing), b"")


def test_the_options_select_the_tpm(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    parser = argparse.ArgumentParser()
    configure_content(parser)
    (tmp_path / "vmlinuz").write_bytes(b"MZ")

    def signing(*words: str) -> uki.Signing | None:
        usual = ["--uki", "--linux", str(tmp_path / "vmlinuz"), "--config", str(tmp_path)]
        arguments = parser.parse_args([*usual, *words])
        arguments.root = None
        found = requested(arguments).uki
        return found.signing if found else None

    named = f"{keys[0]}:{keys[1]}"
    assert signing("--pcr-key", named) == uki.Signing(*keys)
    assert signing("--pcr-key", named, "--pcr-tpm", "swtpm:") == uki.Signing(*keys, tpm="swtpm:")
    with pytest.raises(InputError, match="--pcr-key"):
        signing("--pcr-tpm", "swtpm:")
    with pytest.raises(InputError, match="PRIVATE:PUBLIC"):
        signing("--pcr-key", str(keys[0]))
