"""Character sets that file system drivers load by name: in the image, or reported missing."""

from dataclasses import replace
from pathlib import Path

import pytest
from fake_modules import VERSION, make_modules

from initpy.image.build.build import build
from initpy.image.build.request import BuildRequest
from initpy.image.check.check import prove
from initpy.image.check.proof import Verdict
from initpy.image.formats.archive import Archive, read_archive
from initpy.image.formats.modinfo import CALL
from initpy.image.kernel.charsets import defaults
from initpy.image.kernel.kernelconfig import KernelConfig
from initpy.image.stack.layers import Ask, Kind, Layer, Stack

BARE = "CONFIG_BLK_DEV_INITRD=y\nCONFIG_RD_ZSTD=y\nCONFIG_BINFMT_SCRIPT=y\n"
CONFIG = f'{BARE}CONFIG_FAT_DEFAULT_CODEPAGE=437\nCONFIG_FAT_DEFAULT_IOCHARSET="iso8859-1"\n'
SETS = ["nls_cp437", "nls_iso8859-1", "nls_cp850"]
ROOT = Layer("fs:/", Kind.FILESYSTEM, "FAT on /dev/vda", asks=(Ask(("fat",), "FAT"),))
STACK = Stack("/", VERSION, "x86_64", (ROOT.identity,), (ROOT,))


@pytest.fixture
def request_of(tmp_path: Path) -> BuildRequest:
    """Return a request for a kernel whose FAT driver loads character sets, with a root on FAT."""
    found = [("kernel/fs/fat/fat.ko", "")]
    found += [(f"kernel/fs/nls/{name}.ko", "") for name in SETS]
    modules = make_modules(tmp_path, found)
    with (modules / "kernel/fs/fat/fat.ko").open("ab") as file:
        file.write(CALL)
    (modules / "config").write_text(CONFIG)
    return BuildRequest(
        kernel=VERSION,
        modules=modules,
        output=tmp_path / "image",
        jobs=(),
        init=b"#!/bin/sh\n",
        python=False,
        stack=STACK,
    )


def sets(image: Archive) -> set[str]:
    return {path.rpartition("/")[2] for path in image.entries if "/nls/" in path}


def test_an_image_has_the_defaults_of_its_drivers(request_of: BuildRequest) -> None:
    build(request_of)
    assert sets(read_archive(request_of.output)) == {"nls_cp437.ko", "nls_iso8859-1.ko"}


def test_without_known_defaults_an_image_has_the_usual_and_the_loaded_sets(
    request_of: BuildRequest,
) -> None:
    (request_of.modules / "config").unlink()
    build(replace(request_of, stack=replace(STACK, in_use=("nls_cp850", "vfat", "nls_gone"))))
    assert sets(read_archive(request_of.output)) == {f"{name}.ko" for name in SETS}


def test_external_file_system_drivers_get_their_sets(request_of: BuildRequest) -> None:
    """In any folder that DKMS uses."""
    fat = request_of.modules / "kernel/fs/fat/fat.ko"
    other = request_of.modules / "updates/dkms/fat.ko"
    other.parent.mkdir(parents=True)
    fat.rename(other)
    names = request_of.modules / "modules.dep"
    names.write_text(names.read_text().replace("kernel/fs/fat/fat.ko", "updates/dkms/fat.ko"))
    build(request_of)
    assert sets(read_archive(request_of.output)) == {"nls_cp437.ko", "nls_iso8859-1.ko"}


def test_drivers_that_load_none_get_none(request_of: BuildRequest) -> None:
    fat = request_of.modules / "kernel/fs/fat/fat.ko"
    fat.write_bytes(fat.read_bytes().removesuffix(CALL))
    build(replace(request_of, stack=replace(STACK, in_use=("nls_cp850",))))
    assert sets(read_archive(request_of.output)) == set()


def verdicts(request: BuildRequest) -> dict[str, Verdict]:
    image = read_archive(request.output)
    proof = prove(image, STACK, VERSION, modules=request.modules, run=False)
    return {row.module: row.verdict for row in proof.rows if row.module.startswith("nls_")}


def test_the_check_names_the_missing_sets(request_of: BuildRequest) -> None:
    build(request_of)
    assert verdicts(request_of) == {"nls_cp437": Verdict.OK, "nls_iso8859_1": Verdict.OK}
    (request_of.modules / "config").write_text(BARE)
    build(request_of)
    (request_of.modules / "config").write_text(CONFIG)
    assert verdicts(request_of) == {"nls_cp437": Verdict.MISSING, "nls_iso8859_1": Verdict.MISSING}


def test_a_set_that_drivers_may_contain_is_a_warning(
    request_of: BuildRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("initpy.image.kernel.charsets.OWN", "nls_cp850")
    (request_of.modules / "config").write_text(BARE)
    build(request_of)
    for other, verdicts_of in (
        ("cp850", {"nls_cp437": Verdict.MISSING, "nls_cp850": Verdict.WARNING}),
        ("utf8", {"nls_cp437": Verdict.MISSING}),  # this kernel has none: no row
    ):
        (request_of.modules / "config").write_text(CONFIG.replace("iso8859-1", other))
        assert verdicts(request_of) == verdicts_of


def test_each_driver_has_its_own_defaults() -> None:
    texts = {"FAT_DEFAULT_CODEPAGE": "437", "EXFAT_DEFAULT_IOCHARSET": "utf8"}
    config = KernelConfig(Path("config"), frozenset(), texts)
    assert defaults("fat", config) == ("nls_cp437",)
    assert defaults("exfat", config) == ("nls_utf8",)
    assert defaults("ntfs3", config) == ()
