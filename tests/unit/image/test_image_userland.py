"""Programs, rules, job files and /init of an image (R28), with real and fake files."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from fake_elf import opens, with_notes
from fake_system import iscsi, nested
from writing import archive_of

from initpy.image.build.assembly import Assembly
from initpy.image.check.check import prove
from initpy.image.check.programs import ImagePrograms
from initpy.image.check.proof import Proof, Verdict
from initpy.image.check.userland import Userland
from initpy.image.content.programs import Named
from initpy.image.formats.archive import Archive
from initpy.image.stack.describe import describe
from initpy.image.stack.layers import Stack
from initpy.image.tree import File, Link, Tree

JOB = {
    "summary": "an unknown technology",
    "job": [
        {
            "name": "newtech-open",
            "does": "open {DEVNAME}",
            "match": {"ID_FS_TYPE": "newtech_member"},
            "run": ["newtech", "open", "{DEVNAME}"],
            "success": {"exit": True},
        }
    ],
    "image": {"programs": ["newtech"], "rules": ["69-newtech.rules"]},
}


def image(leave: Iterable[str] = (), extra: Mapping[str, File] | None = None) -> Archive:
    """Return a small image with the job file above and real programs, without paths in `leave`."""
    tree = Tree()
    tree.add("/usr/lib/initpy/jobs/newtech.json", File(json.dumps(JOB).encode()))
    tree.add("/usr/lib/udev/rules.d/69-newtech.rules", File(b'ACTION=="add", TAG+="x"\n'))
    tree.add_host(Path("/bin/busybox"))
    for name in ("newtech", "sh"):
        tree.add(f"/usr/bin/{name}", Link("busybox"))
    tree.add("/init", File(b"#!/bin/sh\n", 0o755))
    for merged in ("bin", "sbin", "lib", "lib64"):
        tree.add(f"/{merged}", Link(f"usr/{merged}"))
    for path, entry in (extra or {}).items():
        tree.add(path, entry, replace=True)
    archive = archive_of(tree, Path("test.img"))
    for path in leave:
        del archive.entries[path]
    return archive


def stack(content: str = "newtech_member") -> Stack:
    """Return a stack of a file system on a mapping that a program makes of a disk."""
    system = nested()
    system.mapped("dm-9", "253:9", "new", "NEW-1", "0 1 newtech 9:127 0", ["md127"],
                  ID_FS_TYPE="ext4")  # fmt: skip
    path = "/run/udev/data/b9:127"
    system.texts[path] = f"N:md127\nE:ID_FS_TYPE={content}\n"
    return describe("/dev/mapper/new", system)


def proof_of(archive: Archive, stack: Stack, *, run: bool = False) -> Proof:
    return prove(archive, stack, stack.kernel, modules=Path("/nonexistent"), run=run)


def missing(proof: Proof, layer: str) -> list[str]:
    return [f"{r.need}: {r.reason}" for r in proof.of(Verdict.MISSING) if r.layer.startswith(layer)]


def test_any_job_file_that_matches_the_device_below_sets_up_a_layer() -> None:
    proof = proof_of(image(), stack())
    rows = {row.need: row for row in proof.rows if row.layer.startswith("/dev/mapper/new ")}
    assert rows["job"].reason == "newtech-open on /dev/md127"
    assert rows["programs"].verdict is Verdict.OK
    assert rows["udev rules"].reason == "69-newtech.rules"


def test_a_layer_without_a_job_file_is_missing() -> None:
    proof = proof_of(image(), stack("othertech_member"))
    reason = "job: no job file of the image handles /dev/md127, which is othertech_member"
    assert reason in missing(proof, "/dev/mapper/new ")


def test_a_missing_program_of_a_job_is_missing() -> None:
    proof = proof_of(image(leave=["/usr/bin/newtech"]), stack())
    assert "program newtech: is not in the image" in missing(proof, "/dev/mapper/new ")


def test_missing_udev_rules_of_a_job_file_are_missing() -> None:
    proof = proof_of(image(leave=["/usr/lib/udev/rules.d/69-newtech.rules"]), stack())
    assert "udev rules 69-newtech.rules: are not in the image" in missing(proof, "/dev/mapper/new ")


def test_a_job_file_that_does_not_validate_is_reported() -> None:
    broken = File(b'{"summary": 1}')
    proof = proof_of(image(extra={"/etc/initpy/jobs/mine.json": broken}), stack())
    assert [row.need for row in proof.of(Verdict.WARNING) if "job file" in row.need] == [
        "job file /etc/initpy/jobs/mine.json"
    ]


def programs() -> Archive:
    """Return cryptsetup with all libraries that a build collects."""
    assembly = Assembly()
    assembly.add_programs([Named("cryptsetup", "the test")])
    assembly.close()
    for merged in ("bin", "sbin", "lib", "lib64"):
        assembly.tree.add(f"/{merged}", Link(f"usr/{merged}"))
    return archive_of(assembly.tree, Path("test.img"))


def test_a_program_with_all_its_libraries_is_ok() -> None:
    found = ImagePrograms(programs()).check("cryptsetup")
    assert found is not None
    assert found.problem == ""
    assert found.libraries > 5


@pytest.mark.parametrize("name", ["libcryptsetup.so.12", "libcrypto.so.3", "libc.so.6"])
def test_a_missing_library_is_named_with_its_user(name: str) -> None:
    archive = programs()
    path = next(each for each in archive.entries if each.endswith(f"/{name}"))
    del archive.entries[path]
    found = ImagePrograms(archive).check("cryptsetup")
    assert found is not None
    assert name in found.problem


def test_a_missing_loader_is_named() -> None:
    archive = programs()
    path = next(each for each in archive.entries if "/ld-linux" in each)
    archive.entries = {k: v for k, v in archive.entries.items() if "/ld-linux" not in k}
    found = ImagePrograms(archive).check("cryptsetup")
    assert found is not None
    assert path.rpartition("/")[2] in found.problem


def test_a_truncated_library_is_named() -> None:
    archive = programs()
    path = archive.resolve("/lib/x86_64-linux-gnu/libcryptsetup.so.12")
    assert path is not None
    entry = archive.entries[path]
    assert isinstance(entry, File)
    archive.entries[path] = File(entry.read()[:5000], 0o755)
    found = ImagePrograms(archive).check("cryptsetup")
    assert found is not None
    assert "libcryptsetup" in found.problem


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (File(b"#!/usr/bin/perl\n", 0o755), "a script for /usr/bin/perl, which is missing"),
        (File(b"#!/bin/sh\n", 0o644), "not executable"),
        (File(b"hello\n", 0o755), "neither an ELF file nor a script"),
        (File(b"#!/init\n", 0o755), "too many levels deep"),
    ],
)
def test_an_init_that_cannot_run(entry: File, reason: str) -> None:
    proof = proof_of(image(extra={"/init": entry}), stack())
    (found,) = (row.reason for row in proof.of(Verdict.MISSING) if row.need == "init")
    assert reason in found


def test_no_init_at_all() -> None:
    proof = proof_of(image(leave=["/init"]), stack())
    assert "init: there is no /init" in missing(proof, "the image")


def test_an_image_of_another_generator_is_judged_in_part() -> None:
    other = image(leave=["/usr/lib/initpy/jobs/newtech.json"])
    assert not Userland(other).ours
    proof = proof_of(other, describe("/", nested()))
    rows = {(row.layer, row.need): row for row in proof.rows}
    assert rows["the image", "init"].verdict is Verdict.OK
    assert rows["/dev/mapper/crypt (LUKS)", "program cryptsetup"].verdict is Verdict.UNKNOWN
    assert not any(row.need == "job" for row in proof.rows)


def test_a_network_root_needs_a_job_that_initpy_lacks() -> None:
    system = nested()
    system.texts["/proc/net/route"] = ""
    system.mount("/mnt", "nfs4", "10.0.2.2:/srv", "0:40", "rw,vers=4.2,addr=10.0.2.2")
    proof = proof_of(image(), describe("/mnt", system))
    assert any("no job file" in each for each in missing(proof, "nfs4 on"))


def test_a_network_disk_needs_a_job_for_the_login() -> None:
    """Drivers alone do not make the disk appear."""
    proof = proof_of(image(), describe("/", iscsi()))
    assert missing(proof, "/dev/sda (disk)")[-1] == (
        "job: no job file of the image handles iSCSI target of 10.0.2.2, which is target"
    )


def test_a_program_that_no_job_file_names_is_judged_in_any_image() -> None:
    """Of a user (--program), or of another generator: libraries opened by name, too."""
    archive = image()
    notes = with_notes([opens({"soname": ["libgone.so.1"], "priority": "required"})])
    archive.entries |= {
        "/usr/bin/mine": File(notes, 0o755),
        "/usr/bin/odd": File(b"#!/usr/bin/gone\n", 0o755),
        "/usr/bin/text": File(b"no program", 0o755),
    }
    rows = {row.need: row for row in proof_of(archive, stack()).rows}
    assert rows["program /usr/bin/mine"].verdict is Verdict.WARNING
    assert "libgone.so.1" in rows["program /usr/bin/mine"].reason
    assert "/usr/bin/gone, which is missing" in rows["program /usr/bin/odd"].reason
    assert "program /usr/bin/text" not in rows
