"""The lab unpacks its kernel from one or several packages, and installs none."""

import subprocess
from pathlib import Path

import pytest

from initpy.lab.errors import LabError
from initpy.lab.kernels import merge_usr, packages_of, prepare_kernel

VERSION = "9.9-amd64"
# Shortened output of `apt-cache depends --recurse`.
LISTING = """\
linux-image-amd64
  Depends: linux-image-7.0.1-amd64
linux-image-7.0.1-amd64
 |Depends: linux-binary-7.0.1-amd64
  Depends: linux-modules-7.0.1-amd64
linux-image-7.0.1-amd64-unsigned
linux-binary-7.0.1-amd64
linux-modules-7.0.1-amd64
linux-image-6.12.9-amd64
linux-image-7.0.1-cloud-amd64
linux-base
<linux-initramfs-tool>
initramfs-tools
"""


def package(folder: Path, name: str, *files: str) -> None:
    """Write a package with these files to the download folder."""
    tree = folder / "trees" / name
    for each in (*files, "DEBIAN/control"):
        (tree / each).parent.mkdir(parents=True, exist_ok=True)
        (tree / each).write_text("MZ")
    (tree / "DEBIAN/control").write_text(
        f"Package: {name}\nVersion: 1\nArchitecture: amd64\n"
        "Maintainer: Tester <tester@example.org>\nDescription: made up for a test\n"
    )
    place = folder / f"initpy/{name}_1_amd64.deb"
    place.parent.mkdir(exist_ok=True)
    subprocess.run(["dpkg-deb", "--build", tree, place], check=True, capture_output=True)


@pytest.mark.parametrize("library", ["lib", "usr/lib"])
def test_modules_are_found_in_the_folders_of_both_debians(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    """Debian 12's kernel packages have lib/modules, Debian 13's have usr/lib/modules."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("INITPY_LAB_KERNEL", raising=False)
    names = ("modules.order", "modules.builtin", "modules.builtin.modinfo")
    modules = [f"{library}/modules/{VERSION}/{name}" for name in names]
    package(tmp_path, f"linux-image-{VERSION}", f"boot/vmlinuz-{VERSION}", *modules)
    kernel = prepare_kernel(lambda _: None)
    assert kernel.version == VERSION
    assert (kernel.modules / "modules.dep").is_file()


@pytest.mark.parametrize("library", ["lib", "usr/lib"])
@pytest.mark.parametrize("image", ["boot/vmlinuz-{0}", "usr/lib/modules/{0}/vmlinuz"])
def test_split_packages_are_unpacked_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str, image: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("INITPY_LAB_KERNEL", raising=False)
    modules = f"{library}/modules/{VERSION}"
    package(tmp_path, f"linux-image-{VERSION}", image.format(VERSION))
    package(tmp_path, f"linux-modules-{VERSION}", f"{modules}/modules.order",
            f"{modules}/modules.builtin", f"{modules}/modules.builtin.modinfo")  # fmt: skip
    package(tmp_path, "linux-image-9.8-amd64", "boot/vmlinuz-9.8-amd64")
    kernel = prepare_kernel(lambda _: None)
    assert kernel.version == VERSION
    assert kernel.image.read_text() == "MZ"
    assert (kernel.modules / "modules.dep").is_file()
    assert prepare_kernel(lambda _: None) == kernel


def test_the_packages_of_the_newest_kernel_are_taken() -> None:
    assert packages_of(LISTING) == [
        "linux-binary-7.0.1-amd64",
        "linux-image-7.0.1-amd64",
        "linux-modules-7.0.1-amd64",
    ]
    with pytest.raises(LabError, match="no kernel package"):
        packages_of("linux-image-amd64\nlinux-base\n")


def test_both_folders_of_libraries_become_one(tmp_path: Path) -> None:
    for name in ("lib/modules/9/one", "usr/lib/modules/9/two", "lib/other"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    merge_usr(tmp_path)
    merge_usr(tmp_path)
    assert (tmp_path / "lib").is_symlink()
    found = {str(each.relative_to(tmp_path)) for each in tmp_path.glob("usr/**/*")}
    assert found >= {"usr/lib/modules/9/one", "usr/lib/modules/9/two", "usr/lib/other"}
