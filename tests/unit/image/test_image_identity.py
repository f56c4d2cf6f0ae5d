"""An image carries the names of the machine that it is for, unless it is portable (R36)."""

from pathlib import Path

import pytest
from fake_modules import VERSION, make_modules

from initpy.cli import main
from initpy.image.build.build import assemble
from initpy.image.build.request import BuildRequest
from initpy.image.content.identity import Identity, identity_of, lvm_files, read_hostname
from initpy.image.tree import File, Tree


def request(folder: Path, identity: Identity | None) -> BuildRequest:
    return BuildRequest(
        kernel=VERSION,
        modules=make_modules(folder / "kernel", []),
        output=folder / "image",
        jobs=(),
        programs=("kmod",),
        init=b"#!/bin/sh\n",
        python=False,
        identity=identity,
    )


def text(tree: Tree, path: str) -> str | None:
    entry = tree.get(path)
    return entry.read().decode() if isinstance(entry, File) else None


def test_the_image_has_the_machines_name(tmp_path: Path) -> None:
    assembled = assemble(request(tmp_path, Identity("deb")))
    assert text(assembled.tree, "/etc/hostname") == "deb\n"
    assert assembled.warnings == ()


def test_a_portable_image_has_none(tmp_path: Path) -> None:
    assembled = assemble(request(tmp_path, None))
    assert "/etc/hostname" not in assembled.tree
    assert assembled.warnings == ()


def test_a_machine_without_a_name_is_a_warning(tmp_path: Path) -> None:
    assembled = assemble(request(tmp_path, identity_of(None)))
    assert "/etc/hostname" not in assembled.tree
    assert "no /etc/hostname names the machine" in assembled.warnings[0]


def test_a_name_that_is_none_is_a_problem() -> None:
    assert identity_of("# mine\ndeb\n") == Identity("deb")
    assert "'two words': expected a host name" in identity_of("two words\n").problem


def test_the_name_of_a_container_is_not_the_machines(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hostname").write_text("3f9c0a\n")
    mounts = tmp_path / "mountinfo"
    mounts.write_text("1 0 0:2 / / rw - overlay overlay rw\n")
    assert read_hostname(str(tmp_path), str(mounts)) == "3f9c0a\n"
    mounts.write_text(f"7 1 8:1 /c/hostname {tmp_path}/etc/hostname rw - ext4 /dev/sda1 rw\n")
    assert read_hostname(str(tmp_path), str(mounts)) is None


@pytest.mark.parametrize(
    ("lvm", "local", "files"),
    [
        ('global {\n\t# system_id_source = "machineid"\n}', "", []),
        ('global {\n\tsystem_id_source = "none"\n}', "", []),
        ('global {\n\tsystem_id_source = "uname"\n}', "", []),
        ('global {\n\tsystem_id_source = "machineid"  # mine\n}', "", ["/etc/machine-id"]),
        ('global/system_id_source="appmachineid"', "", ["/etc/machine-id"]),
        (
            'global {\nsystem_id_source = "file"\nsystem_id_file = "/etc/lvm/id"\n}',
            "",
            ["/etc/lvm/id"],
        ),
        ('global/system_id_source="machineid"', 'global/system_id_source="lvmlocal"', []),
    ],
)
def test_the_files_that_lvms_system_id_comes_from(lvm: str, local: str, files: list[str]) -> None:
    """lvmsystemid(7); lvmlocal.conf overrides lvm.conf."""
    texts = {"/etc/lvm/lvm.conf": lvm, "/etc/lvm/lvmlocal.conf": local}
    assert [*lvm_files(texts)] == files


def test_a_host_only_image_is_not_portable(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "--host", "--portable", "--dry-run"]) == 2
    assert "--portable" in capsys.readouterr().err
