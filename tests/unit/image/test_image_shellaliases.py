"""The rescue shell runs the image's programs, not busybox's applets of the same name (R24)."""

import subprocess
from pathlib import Path

import pytest

from initpy.image.build.assembly import Assembly
from initpy.image.content import shellaliases as aliases
from initpy.image.content.programs import Named
from initpy.image.tree import File, Link
from initpy.runtime import rescue

BUSYBOX = Path("/usr/bin/busybox")


def typed(line: str, environment: dict[str, str]) -> str:
    """Return the output of the interactive shell."""
    done = subprocess.run(
        [BUSYBOX, "sh", "-i"], input=line, env=environment, capture_output=True, text=True
    )
    return done.stdout


def aliases_of(*names: str) -> str:
    assembly = Assembly()
    assembly.add_programs([Named(name, "the test") for name in names])
    assembly.close()
    entry = assembly.tree.get(aliases.PATH)
    assert isinstance(entry, File)
    return entry.read().decode()


def test_every_program_with_the_name_of_an_applet_has_an_alias() -> None:
    lines = aliases_of("busybox", "kmod", "losetup", "dmsetup").splitlines()
    assert "alias modprobe=/usr/sbin/modprobe" in lines
    assert "alias losetup=/usr/sbin/losetup" in lines
    assert {line.partition("=")[0] for line in lines} == {
        f"alias {name}"
        for name in ("losetup", "depmod", "insmod", "lsmod", "modinfo", "modprobe", "rmmod")
    }


@pytest.mark.parametrize("line", ["modprobe --version", "x=$(modprobe --version); echo $x"])
def test_the_shell_runs_the_program_and_not_the_applet(tmp_path: Path, line: str) -> None:
    file = tmp_path / "aliases"
    file.write_text(aliases_of("busybox", "kmod"))
    environment = {**rescue.ENVIRONMENT, "PS1": ""}
    assert "kmod version" not in typed(f"{line}\n", {**environment, "ENV": "/none"})
    assert "kmod version" in typed(f"{line}\n", {**environment, "ENV": str(file)})


def test_builtins_of_the_shell_stay() -> None:
    names = ["kill", "[", "test", "mount", "fsck.minix", "ls"]
    real = {name: f"/usr/bin/{name}" for name in names[:-1]}
    assert aliases.text(names, real, BUSYBOX).splitlines() == [
        "alias fsck.minix=/usr/bin/fsck.minix",
        "alias mount=/usr/bin/mount",
    ]


def test_without_busybox_there_are_no_aliases() -> None:
    assembly = Assembly()
    assembly.add_programs([Named("kmod", "the test")])
    assembly.close()
    assert assembly.tree.get(aliases.PATH) is None


def test_the_shell_reads_the_file_that_the_builder_writes() -> None:
    assert rescue.ENVIRONMENT["ENV"] == aliases.PATH
    assembly = Assembly()
    assembly.add_programs([Named("busybox", "the test")])
    assembly.close()
    assert isinstance(assembly.tree.get("/usr/sbin/modprobe"), Link)
