"""An image carries the names of the machine that it is for, unless it is portable (R36)."""

import argparse
from dataclasses import replace
from pathlib import Path

import pytest
from fake_modules import VERSION, make_modules
from fake_system import nested

from initpy.cli import build, main
from initpy.cli.content import requested
from initpy.image.build.build import assemble
from initpy.image.build.request import BuildRequest
from initpy.image.content import mdadmconf
from initpy.image.content.identity import Identity, identity_of, lvm_files, read_hostname
from initpy.image.stack.describe import describe
from initpy.image.stack.layers import Stack
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
    assert "'-.-': expected a host name" in identity_of("-.-\n").problem
    assert identity_of("two words\n") == Identity("twowords")  # to systemd, and so to mdadm


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
        ('global { system_id_source = "machineid" }', "", ["/etc/machine-id"]),
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


def asked(*words: str) -> Identity | None:
    """Return the identity that `initpy build` with these words gives its image."""
    parser = argparse.ArgumentParser()
    build.configure(parser)
    return requested(parser.parse_args([*words, "--kernel", VERSION])).identity


def test_a_build_is_for_the_machine_that_it_runs_on_or_for_none() -> None:
    assert asked("--portable") is None
    found = asked()
    assert found is not None
    assert found.here


def test_the_image_of_another_system_has_that_systems_name(tmp_path: Path) -> None:
    system = nested()
    system.texts["/etc/hostname"] = "there\n"
    stack = describe("/", system)
    assert stack.hostname == "there"
    file = tmp_path / "stack.json"
    file.write_text(stack.to_json())
    assert Stack.from_json(file.read_text(), "stack.json") == stack
    assert asked("--host", "--stack", str(file)) == Identity("there", here=False)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hostname").write_text("mounted\n")
    assert asked("--root", str(tmp_path)) == Identity("mounted", base=str(tmp_path))


def test_the_image_of_a_mounted_system_has_that_systems_configuration(tmp_path: Path) -> None:
    base = tmp_path / "mnt"
    for path, content in (
        ("etc/mdadm/mdadm.conf", "ARRAY /dev/md/0 UUID=0:0:0:1\n"),
        ("etc/mdadm/mdadm.conf.d/more.conf", "HOMEHOST there\n"),
        ("etc/lvm/lvmlocal.conf", 'global/system_id_source = "machineid"\n'),
        ("etc/machine-id", "0123\n"),
    ):
        (base / path).parent.mkdir(parents=True, exist_ok=True)
        (base / path).write_text(content)
    tree = assemble(request(tmp_path, identity_of("there\n", base=str(base)))).tree
    assert text(tree, "/etc/mdadm/mdadm.conf") == "ARRAY /dev/md/0 UUID=0:0:0:1\n"
    assert text(tree, "/etc/mdadm/mdadm.conf.d/more.conf") == "HOMEHOST there\n"
    assert text(tree, "/etc/machine-id") == "0123\n"


@pytest.mark.parametrize(("here", "arrays"), [(True, 2), (False, 0)])
def test_arrays_are_named_as_on_the_real_system(
    tmp_path: Path, here: bool, arrays: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R36: all ARRAY lines of the machine itself, and none of another one."""
    conf = tmp_path / "mdadm.conf"
    conf.write_text("ARRAY /dev/md/0 UUID=0:0:0:1\nARRAY /dev/md/1 UUID=0:0:0:2\nMAILADDR root\n")
    wish = replace(
        request(tmp_path, Identity("deb", here=here)),
        jobs=(_job(tmp_path, str(conf)),),
    )
    monkeypatch.setattr(mdadmconf, "PATHS", (str(conf),))
    kept = text(assemble(wish).tree, str(conf))
    assert kept is not None
    assert kept.count("ARRAY") == arrays
    assert "MAILADDR" not in kept


def _job(folder: Path, optional: str) -> Path:
    file = folder / "mine.toml"
    file.write_text(f'summary = "mine"\n[image]\noptional = ["{optional}"]\n')
    return file


def test_r19_the_image_has_what_the_machines_fstab_has_checked(tmp_path: Path) -> None:
    fstab = tmp_path / "fstab"
    fstab.write_text("UUID=a / ext4 defaults 0 1\nLABEL=home /home ext4 acl 0 2\n")
    assembled = assemble(replace(request(tmp_path, Identity("deb")), fstab=fstab))
    assert text(assembled.tree, "/etc/fstab") == "LABEL=home /home ext4 defaults 0 2\n"


def test_an_image_without_such_lines_has_no_fstab(tmp_path: Path) -> None:
    fstab = tmp_path / "fstab"
    fstab.write_text("UUID=a / ext4 defaults 0 1\n")
    asked = request(tmp_path, Identity("deb"))
    for each in (fstab, tmp_path / "none", None):
        assembled = assemble(replace(asked, fstab=each))
        assert "/etc/fstab" not in assembled.tree


def test_whose_fstab_it_is(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    build.configure(parser)

    def fstab(*words: str) -> Path | None:
        return requested(parser.parse_args([*words, "--kernel", VERSION])).fstab

    assert fstab() == Path("/etc/fstab")
    assert fstab("--root", str(tmp_path)) == tmp_path / "etc/fstab"
    assert fstab("--portable") is None


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--root", "UUID=nope"), "--root: 'UUID=nope': expected a root that can be described"),
        (("--root", "/dev/nope"), "--root: '/dev/nope': expected a root that can be described"),
        (("--root", "/nonexistent"), "--root: '/nonexistent': expected a root that"),
        (("--root", "/", "--portable"), "--root: '/': expected no --portable"),
    ],
)
def test_a_generic_image_is_for_the_root_that_is_named(
    words: tuple[str, ...], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", "--recipe", "generic", "--dry-run", *words]) == 2
    assert expected in " ".join(capsys.readouterr().err.split())


def test_a_job_files_files_of_a_machine_are_in_its_own_image_only(tmp_path: Path) -> None:
    base = tmp_path / "mounted"
    (base / "etc/zfs/keys").mkdir(parents=True)
    (base / "etc/hostid").write_text("1234")
    (base / "etc/zfs/keys/a").write_text("key")
    (base / "etc/net").mkdir()
    (base / "etc/net/10-lan.link").write_text("[Match]")
    (base / "etc/net/20-wg.netdev").write_text("PrivateKey=")
    job = tmp_path / "pool.toml"
    wanted = '["/etc/hostid", "/etc/zfs/keys", "/etc/zfs/zpool.cache", "/etc/net/*.link"]'
    job.write_text(f'summary = "a pool"\n[image]\nof_machine = {wanted}\n')
    for number, (identity, found) in enumerate(
        (
            (Identity("deb", base=str(base)), "1234"),
            (Identity("there", here=False), None),
            (None, None),
        )
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        tree = assemble(replace(request(folder, identity), jobs=(job,))).tree
        assert text(tree, "/etc/hostid") == found
        assert ("/etc/zfs/keys/a" in tree) is bool(found)
        assert ("/etc/net/10-lan.link" in tree) is bool(found)
        assert "/etc/net/20-wg.netdev" not in tree
