"""A unified image follows the configuration that users have for ukify(1) (R27)."""

from pathlib import Path

import pytest

from initpy.config.errors import InputError
from initpy.image.build import uki
from initpy.image.build.ukifyconf import UkifyConf, read_ukify
from initpy.image.formats.archive import read_archive
from initpy.image.formats.cpio import segment

CONF = "/etc/kernel/uki.conf"


def conf(base: Path, text: str | bytes, name: str = CONF) -> UkifyConf:
    path = base / name.lstrip("/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_ukify(str(base))


def test_nothing_is_said_without_a_file(tmp_path: Path) -> None:
    assert read_ukify(str(tmp_path)) == UkifyConf()


@pytest.mark.parametrize(
    ("text", "cmdline"),
    [
        ("[UKI]\nCmdline=root=LABEL=x quiet\n", "root=LABEL=x quiet"),
        ("[UKI]\ncmdline = root=LABEL=x # mine\n", "root=LABEL=x"),
        ("[UKI]\nCmdline=root=LABEL=x\n  quiet\n", "root=LABEL=x quiet"),
        ("\ufeff[UKI]\r\nCmdline=a\r\n", "a"),
        ("# [UKI]\n", None),
        ("[UKI]\nCmdline=\n", None),
        ("", None),
    ],
)
def test_the_command_line(text: str, cmdline: str | None, tmp_path: Path) -> None:
    assert conf(tmp_path, text).cmdline == cmdline


def test_values_that_are_files(tmp_path: Path) -> None:
    (tmp_path / "cmdline").write_text("root=LABEL=x #1\nquiet\n")
    (tmp_path / "release").write_bytes(b"ID=x\nPRETTY_NAME=J\xfc\n")
    text = f"[UKI]\nCmdline=@{tmp_path}/cmdline\nOSRelease=@{tmp_path}/release\nStub=/s.efi\n"
    found = conf(tmp_path, f"{text}Splash=/a.bmp\nDeviceTree=/b.dtb\n")
    assert found.cmdline == "root=LABEL=x #1 quiet"
    assert found.os_release == b"ID=x\nPRETTY_NAME=J\xfc\n"
    assert found.stub == Path("/s.efi")
    assert found.sections == ((".splash", Path("/a.bmp")), (".dtb", Path("/b.dtb")))
    assert not found.warnings


def test_the_file_of_kernel_install_goes_before_ukifys_own(tmp_path: Path) -> None:
    conf(tmp_path, "[UKI]\nCmdline=own\n", "/etc/systemd/ukify.conf")
    assert read_ukify(str(tmp_path)).cmdline == "own"
    assert conf(tmp_path, "[UKI]\nCmdline=plugin\n").cmdline == "plugin"


def test_the_keys_for_the_tpms_register(tmp_path: Path) -> None:
    keys = "PCRPrivateKey=/k\nPCRPublicKey=/p\n"
    found = conf(tmp_path, f"[UKI]\nPCRBanks=sha1,sha256\n[PCRSignature:initrd]\n{keys}")
    assert found.signing == uki.Signing(Path("/k"), Path("/p"), ("sha1", "sha256"))
    assert not found.warnings
    more = f"[PCRSignature:a]\n{keys}Phases=enter-initrd\n[PCRSignature:b]\n{keys}"
    path = tmp_path / CONF[1:]
    assert conf(tmp_path, more).warnings == (
        f"{path}: phases: the signature is for each phase of the boot",
        f"{path}: [PCRSignature:b]: only the first signature is made",
    )


def test_what_is_not_done_is_said(tmp_path: Path) -> None:
    secure = "SecureBootPrivateKey=/k\nSecureBootCertificate=/c\nSignKernel=yes\n"
    text = f"[UKI]\n{secure}Profile=TITLE=x\nLinux=/v\nMicrocode=/u\nFuture=1\n"
    first, *rest = conf(tmp_path, text).warnings
    assert "Secure Boot: the file is not signed" in first
    path = tmp_path / CONF[1:]
    assert rest == [
        f"{path}: profile: the image has no profiles",
        f"{path}: future: not supported; it is ignored",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"Cmdline=x\n", "uki.conf: 'its content': expected sections and keys as in ukify"),
        (b"[UKI]\nCmdline=@/nonexistent/x\n", "uki.conf: Cmdline: '@/nonexistent/x': expected a f"),
        (b"[UKI]\nOSRelease=@/dev/zero\n", "uki.conf: OSRelease: '@/dev/zero': expected a file"),
        ("[UKI]\nCmdline=x\n".encode("utf-16"), "uki.conf: 'its content': expected sections"),
    ],
)
def test_a_wrong_file_is_one_line(text: bytes, line: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=line):
        conf(tmp_path, text)


def test_a_picture_is_a_section_of_the_image(tmp_path: Path) -> None:
    linux, picture = tmp_path / "vmlinuz", tmp_path / "a.bmp"
    linux.write_bytes(b"MZ" + bytes(1022))
    picture.write_bytes(b"BM\r\n\xff\0")
    stub = uki.find_stub("x86_64")
    wanted = uki.Uki(stub, linux, "6.1", "", b"ID=x\n", sections=((".splash", picture),))
    image = tmp_path / "image.efi"
    image.write_bytes(uki.compose(wanted, segment({"/etc/x": b"content"})))
    assert read_archive(image).sections[".splash"] == b"BM\r\n\xff\0"
    picture.unlink()
    with pytest.raises(InputError, match=r"section \.splash: '.*a\.bmp': expected a file"):
        uki.compose(wanted, b"")
