"""Content and files of images of any generator (R30)."""

import json
from pathlib import Path

import peers
import pytest
from fake_modules import VERSION
from foreign import TRAILER, member, real_cpio

from initpy.cli import main
from initpy.image.formats.archive import read_archive
from initpy.image.inspect.survey import kind_of, survey


@pytest.fixture(params=["gzip", "zstd", "xz", "lz4"])
def image(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return an image with dracut's layout after an archive of microcode."""
    early = tmp_path / "early"
    peers.write(early, "microcode" * 50, "/kernel/x86/microcode/GenuineIntel.bin")
    content = peers.dracut(tmp_path / "content")
    return peers.pack(content, tmp_path / "image", request.param, real_cpio(early))


def test_an_image_by_dracut(image: Path) -> None:
    found = survey(read_archive(image))
    assert found.generator == "dracut 059-4"
    assert found.init == "/init, which is /usr/lib/systemd/systemd, a script for /bin/sh"
    assert found.kernels == (VERSION,)
    assert found.modules == ("ahci", "crc16", "ext4", "libata", "virtio_blk")
    assert "/usr/bin/cat" in found.programs
    assert {"kernel modules", "libraries", "scripts", "microcode"} <= {
        kind.name for kind in found.kinds
    }
    assert found.python == ""


def test_sizes_add_up(image: Path) -> None:
    archive = read_archive(image)
    packed = sum(kind.packed for kind in survey(archive).kinds)
    assert sum(each.size for each in archive.segments) - 1000 < packed <= archive.size


def test_an_image_by_initramfs_tools(tmp_path: Path) -> None:
    content = peers.initramfs_tools(tmp_path / "content")
    found = survey(read_archive(peers.pack(content, tmp_path / "image", "zstd")))
    assert found.generator == "initramfs-tools"
    assert found.init == "/init, a script for /bin/sh"


def test_dangling_links_and_secrets_are_reported(tmp_path: Path) -> None:
    data = b"".join(
        [
            member(b"dead", b"nothing", mode=0o120777),
            member(b"later", b"/run/x", mode=0o120777),
            member(b"key", b"secret", mode=0o100600),
            TRAILER,
        ]
    )
    (tmp_path / "image").write_bytes(data)
    found = survey(read_archive(tmp_path / "image"))
    assert found.dangling == ("/dead",)
    assert found.secrets == ("/key",)
    assert found.init == "" and found.generator == ""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/lib/modules/6.1/kernel/fs/ext4/ext4.ko", "kernel modules"),
        ("/lib/firmware/x.bin", "firmware"),
        ("/sbin/lvm", "programs"),
        ("/scripts/local-top/lvm2", "scripts"),
        ("/kernel/x86/microcode/AuthenticAMD.bin", "microcode"),
        ("/etc/fstab", "configuration"),
    ],
)
def test_content_is_sorted_whether_usr_is_merged_or_not(path: str, kind: str) -> None:
    assert kind_of(path) == kind
    assert kind_of(path.replace("/lib/", "/usr/lib/").replace("/sbin/", "/usr/sbin/")) == kind


def test_inspect_shows_the_survey(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(image)]) == 0
    shown = capsys.readouterr().out
    assert "dracut 059-4" in shown and VERSION in shown and "kernel modules" in shown
    assert main(["inspect", "--json", str(image)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["size"] == image.stat().st_size
    assert len(found["segments"]) == 2 and found["segments"][0]["compression"] == "none"
    assert found["modules"] == ["ahci", "crc16", "ext4", "libata", "virtio_blk"]


def test_inspect_unpacks(image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["inspect", "--json", "--unpack", str(out), str(image)]) == 0
    assert (out / "etc/passwd").read_text().startswith("root")
    capsys.readouterr()
    assert main(["inspect", "--unpack", str(out), str(image)]) == 2
    assert "new or empty" in capsys.readouterr().err


def test_ls_lists_matching_files(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def listed(*words: str) -> list[str]:
        assert main(["ls", *words]) == 0
        return capsys.readouterr().out.splitlines()

    given = str(image)
    folder = f"/usr/lib/modules/{VERSION}/kernel"
    assert listed(given, "*.ko")[0] == f"{folder}/drivers/ata/ahci.ko"
    assert listed(given, f"{folder}/fs") == [
        f"{folder}/fs",
        f"{folder}/fs/ext4",
        f"{folder}/fs/ext4/ext4.ko",
    ]
    assert listed(given, "*/block/*") == [f"{folder}/drivers/block/virtio_blk.ko"]
    assert listed("--segment", "0", given, "GenuineIntel.bin") == [
        "/kernel/x86/microcode/GenuineIntel.bin"
    ]
    assert listed("-l", given, "/init")[0].startswith("lrwxrwxrwx")
    assert listed("-l", given, "/init")[0].endswith("/init -> usr/lib/systemd/systemd")


def test_ls_reports_a_pattern_without_matches(
    image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ls", str(image), "nothing-like-it"]) == 1
    assert "nothing in" in capsys.readouterr().err
    assert main(["ls", "--segment", "2", str(image)]) == 2
    assert "0 to 1" in capsys.readouterr().err


def test_ls_prints_a_file_behind_links(
    image: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["ls", "--content", "/lib/dracut/dracut-059-4", str(image)]) == 0
    assert capsysbinary.readouterr().out == b"dracut-059-4\n"
    assert main(["ls", "--content", "/no/such", str(image)]) == 2


def test_ls_as_json(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ls", "--json", str(image), "/etc/passwd", "/init"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert first["path"] == "/etc/passwd" and first["mode"] == "-rw-r--r--"
    assert first["size"] == 26 and first["segment"] == 1
    assert second["target"] == "usr/lib/systemd/systemd"


@pytest.mark.parametrize("command", [["inspect"], ["ls"], ["why"], ["diff"]])
def test_damage_is_one_line_and_status_2(
    image: Path, tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    cut = tmp_path / "cut"
    cut.write_bytes(image.read_bytes()[:-100])
    more = {"why": ["x"], "diff": [str(image)]}.get(command[0], [])
    assert main([*command, str(cut), *more]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and str(cut) in error


def test_control_characters_in_names_are_escaped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "image").write_bytes(member(b"\x1b[31m[red]\xff", b"") + TRAILER)
    assert main(["inspect", str(tmp_path / "image")]) == 0
    assert "\x1b" not in capsys.readouterr().out
    assert main(["ls", str(tmp_path / "image")]) == 0
    assert "\x1b" not in capsys.readouterr().out
