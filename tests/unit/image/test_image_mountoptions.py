"""The check finds options of a mount that the driver of the file system does not know (R28)."""

import pytest
from test_image_removed import machine

from initpy.image.check.check import prove
from initpy.image.check.mountoptions import unknown
from initpy.image.check.proof import Verdict

DRIVER = b"\x7fELF\0commit=%u\0acl\0data\0errors=%s\0barrier=%u\0barrier\0quota=\0"


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ("", ()),
        ("ro,noatime,x-systemd.growfs,X-mine=1,_netdev,verity.roothash=1", ()),
        ("commit=30,acl,noacl,data=journal,errors=panic,barrier=0,quota=a", ()),
        ("nonsense", ("nonsense",)),
        ("compress=zstd,comm=3,nocompress,compress=lzo", ("compress", "comm", "nocompress")),
        ("shown=3,nodata", ()),
    ],
)
def test_an_option_is_a_word_of_the_driver(options: str, found: tuple[str, ...]) -> None:
    assert unknown(options.split(","), DRIVER, ("rw", "shown=1")) == found


@pytest.mark.parametrize(
    ("words", "verdict"),
    [
        ("rootflags=noatime,commit=30,data=ordered", None),
        ("rootflags=noatime,compress=zstd", Verdict.MISSING),
        ("rootflags=subvol=@", Verdict.MISSING),
    ],
)
def test_options_of_root(words: str, verdict: Verdict | None) -> None:
    archive, stack, kernel = machine("lvm-on-luks-on-raid1")
    cmdline = f"root=/dev/vg0/root {words}"
    proof = prove(
        archive, stack, kernel.version, modules=kernel.modules, run=False, cmdline=cmdline
    )
    rows = [row.verdict for row in proof.rows if row.need == "rootflags="]
    assert rows == ([verdict] if verdict else [])
