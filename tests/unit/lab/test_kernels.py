"""The lab's kernel comes from a package that is unpacked and not installed."""

import subprocess
from pathlib import Path

import pytest

from initpy.lab.kernels import prepare_kernel

VERSION = "9.9-amd64"


@pytest.mark.parametrize("library", ["lib", "usr/lib"])
def test_modules_are_found_where_either_debian_has_them(
    library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian 12's kernel packages have lib/modules, those of Debian 13 have usr/lib/modules."""
    tree, cache = tmp_path / "tree", tmp_path / "cache"
    modules = tree / library / "modules" / VERSION
    modules.mkdir(parents=True)
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        (modules / name).touch()
    (tree / "boot").mkdir()
    (tree / f"boot/vmlinuz-{VERSION}").write_text("MZ")
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN/control").write_text(
        f"Package: linux-image-{VERSION}\nVersion: 1\nArchitecture: amd64\n"
        "Maintainer: Tester <tester@example.org>\nDescription: a kernel made up for a test\n"
    )
    (cache / "initpy").mkdir(parents=True)
    package = cache / f"initpy/linux-image-{VERSION}_1_amd64.deb"
    subprocess.run(["dpkg-deb", "--build", tree, package], check=True, capture_output=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.delenv("INITPY_LAB_KERNEL", raising=False)
    kernel = prepare_kernel(lambda line: None)
    assert kernel.version == VERSION
    assert (kernel.modules / "modules.dep").is_file()
