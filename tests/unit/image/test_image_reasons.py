"""Each file of an image has a reason, and `initpy why` finds it (R30)."""

import json
from pathlib import Path

import peers
import pytest
from fake_modules import VERSION, relocatable

from initpy.cli import main
from initpy.config.errors import InputError
from initpy.image.content import manifest
from initpy.image.content.manifest import Wish
from initpy.image.content.needs import Needs, Wanted
from initpy.image.content.programs import Named
from initpy.image.formats import cpio
from initpy.image.formats.archive import Archive, parse_archive, read_archive
from initpy.image.inspect.reasons import Why
from initpy.image.kernel.kmod import Want
from initpy.image.tree import Entry, File, Link

KERNEL = f"/usr/lib/modules/{VERSION}/kernel"


@pytest.fixture
def foreign(tmp_path: Path) -> Why:
    content = peers.dracut(tmp_path / "content")
    return Why(read_archive(peers.pack(content, tmp_path / "image", "zstd")))


def archive(files: dict[str, bytes | Entry]) -> Archive:
    return parse_archive(Path("image"), memoryview(cpio.segment(files)))


def texts(why: Why, name: str) -> list[str]:
    return [reason.text() for reason in why.answer(name).reasons]


def chain(why: Why, name: str) -> list[str]:
    return [reason.text() for reason in why.answer(name).chain]


def test_a_librarys_reason_is_the_program_that_links_with_it(foreign: Why) -> None:
    assert "/usr/bin/cat links with it" in texts(foreign, "libc.so.6")


def test_a_modules_reason_is_its_dependent(foreign: Why) -> None:
    assert texts(foreign, "libata") == [f"{KERNEL}/drivers/ata/ahci.ko depends on it"]
    assert texts(foreign, f"/lib/modules/{VERSION}/kernel/lib/crc16.ko") == [
        f"{KERNEL}/fs/ext4/ext4.ko depends on it"
    ]


def test_a_programs_reason_is_the_script_that_calls_it(foreign: Why) -> None:
    assert "/usr/lib/dracut/hooks/mount/99-mount.sh names it" in texts(foreign, "cat")


def test_init_is_the_reason_of_its_interpreter(foreign: Why) -> None:
    assert texts(foreign, "/init") == ["the kernel starts it"]
    assert chain(foreign, "/usr/lib/systemd/systemd") == [
        "/init is a link to it",
        "the kernel starts it",
    ]


def test_a_folder_is_explained_by_its_content(foreign: Why) -> None:
    assert foreign.answer(f"{KERNEL}/drivers").inside == 5


def test_unknown_and_ambiguous_names_are_rejected(foreign: Why) -> None:
    with pytest.raises(InputError, match="a path or a file's name in"):
        foreign.answer("nothing")
    twice = Why(archive({"/a/x": b"", "/b/x": b""}))
    with pytest.raises(InputError, match="one of /a/x, /b/x"):
        twice.answer("x")


def test_soft_dependencies_firmware_rules_and_python(tmp_path: Path) -> None:
    base = peers.merged(tmp_path / "content")
    peers.add_modules(base)
    folder = base / "usr/lib/modules" / VERSION
    (folder / "modules.softdep").write_text("softdep ext4 pre: ahci\n")

    (folder / "kernel/drivers/ata/ahci.ko").write_bytes(
        relocatable("firmware=a/b.bin\0name=ahci\0")
    )
    peers.write(base, "", "/usr/lib/firmware/a/b.bin")
    peers.write(base, 'RUN+="helper --x"\n', "/usr/lib/udev/rules.d/60-x.rules")
    peers.write(base, "#!/usr/bin/python3\nimport one.two\n", "/usr/lib/udev/helper", 0o755)
    peers.write(base, "", "/usr/bin/python3", 0o755)
    peers.write(base, "", "/usr/lib/python3.11/one/two.py")
    peers.write(base, "from one import two\n", "/usr/lib/python3.11/three.py")
    why = Why(read_archive(peers.pack(base, tmp_path / "image", "gzip")))
    assert texts(why, "ahci") == [f"{KERNEL}/fs/ext4/ext4.ko wants it loaded as well"]
    assert texts(why, "b.bin") == [f"{KERNEL}/drivers/ata/ahci.ko may ask for it"]
    assert "/usr/lib/udev/rules.d/60-x.rules calls it" in texts(why, "/usr/lib/udev/helper")
    assert "/usr/lib/udev/helper is a script for it" in texts(why, "/usr/bin/python3")
    assert texts(why, "two.py") == ["/usr/lib/python3.11/three.py probably imports it"]


def test_the_manifest_is_reproducible_and_read_back() -> None:
    wishes = [
        Wish("program", "lvm", "jobs/lvm.toml"),
        Wish("module", "drivers/usb/host/", "the recipe (USB)"),
        Wish("module", "dm-mod", "jobs/lvm.toml"),
    ]
    packed = manifest.pack(wishes)
    assert packed == manifest.pack(reversed(wishes))
    assert set(manifest.read(archive({manifest.PATH: packed}))) == set(wishes)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b'{"a": 1}', b'{"a": {"b": 2}}', b"[" * 9999]
)
def test_a_damaged_manifest_is_ignored(content: bytes) -> None:
    assert manifest.read(archive({manifest.PATH: content})) == ()


def test_a_build_records_every_source() -> None:
    needs = Needs(
        programs=(Named("lvm", "jobs/lvm.toml"),),
        modules=(),
        rules=(Wanted("55-dm.rules", "jobs/lvm.toml"),),
        files=(),
        optional=(),
        python=(),
    )
    modules = [Want("drivers/usb/host/", "the recipe"), Want("nvme", "disk vda")]
    found = set(manifest.wishes(needs, modules, ["bash"], {"drivers/usb/host/": "USB"}, ["/etc/x"]))
    assert found == {
        Wish("module", "drivers/usb/host/", "the recipe (USB)"),
        Wish("module", "nvme", "disk vda"),
        Wish("program", "bash", "the recipe"),
        Wish("program", "lvm", "jobs/lvm.toml"),
        Wish("rule", "55-dm.rules", "jobs/lvm.toml"),
        Wish("file", "/etc/x", "the request"),
    }


def test_a_source_in_the_manifest_is_a_reason(tmp_path: Path) -> None:
    base = peers.initramfs_tools(tmp_path / "content")
    wishes = [
        Wish("program", "cat", "jobs/a.toml"),
        Wish("module", "drivers/block/", "the recipe (disks)"),
        Wish("module", "ext4", "jobs/root.toml"),
        Wish("file", "/etc/x", "the request"),
        Wish("rule", "60-x.rules", "jobs/b.toml"),
    ]
    peers.write(base, "x", "/etc/x")
    peers.write(base, "", "/usr/lib/udev/rules.d/60-x.rules")
    packed = manifest.pack(wishes).read().decode()
    peers.write(base, packed, manifest.PATH)
    why = Why(read_archive(peers.pack(base, tmp_path / "image", "lz4")))
    assert "jobs/a.toml wants the program cat" in texts(why, "/bin/cat")
    assert texts(why, "virtio-blk") == ["the recipe (disks) wants all modules of drivers/block/"]
    assert chain(why, "crc16") == [
        f"{KERNEL}/fs/ext4/ext4.ko depends on it",
        "jobs/root.toml wants the module ext4",
    ]
    assert "the request wants the file /etc/x" in texts(why, "/etc/x")
    assert "jobs/b.toml wants the rule 60-x.rules" in texts(why, "60-x.rules")


def test_loops_of_links_and_libraries_end() -> None:
    files: dict[str, bytes | Entry] = {"/a": Link("b"), "/b": Link("a"), "/x": File(b"")}
    why = Why(archive(files))
    assert why.answer("/a").reasons and chain(why, "/x") == []


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = peers.dracut(tmp_path / "content")
    image = str(peers.pack(content, tmp_path / "image", "xz"))
    assert main(["why", image, "libata"]) == 0
    shown = capsys.readouterr().out
    assert "libata.ko: a file" in shown and "ahci.ko depends on it" in shown
    assert main(["why", "--json", image, "libata"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["reasons"][0]["how"] == "depends on it"
    assert main(["why", image, "ahci"]) == 1
    assert "nothing in the image refers to it" in capsys.readouterr().out
