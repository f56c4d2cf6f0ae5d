"""What is said of a tag by which the hypervisor shares no folder."""

import errno
from pathlib import Path

import pytest

from initpy.runtime.net import shares


@pytest.fixture
def tags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """sysfs without any share."""
    known = {kind: f"{tmp_path}/{kind}/*/tag" for kind in shares.TAGS}
    monkeypatch.setattr(shares, "TAGS", known)
    return tmp_path


def share(folder: Path, kind: str, number: int, tag: bytes) -> None:
    place = folder / kind / f"virtio{number}"
    place.mkdir(parents=True)
    (place / "tag").write_bytes(tag)


def test_the_tags_that_are_there_are_named(tags: Path) -> None:
    share(tags, "9p", 0, b"system\0")
    share(tags, "9p", 1, b"home\0")
    told = shares.explain("9p", errno.ENOENT, "sytsem")
    assert told == "the hypervisor shares no folder by this tag; its tags are: home, system"
    share(tags, "virtiofs", 0, b"system\n")
    told = shares.explain("virtiofs", errno.EINVAL, "root")
    assert told == "the hypervisor shares no folder by this tag; its tags are: system"


def test_no_tag_is_there(tags: Path) -> None:
    told = shares.explain("9p", errno.ENOENT, "root")
    assert told == "the hypervisor shares no folder by this tag; it shares none"


def test_older_kernels_do_not_tell_the_tags_of_virtiofs(tags: Path) -> None:
    told = shares.explain("virtiofs", errno.EINVAL, "root")
    assert told.startswith("the hypervisor shares no folder by this tag (or rootflags=")


def test_other_failures_are_not_for_want_of_the_tag(tags: Path) -> None:
    assert shares.explain("9p", errno.ENODEV, "root") == ""
    assert shares.explain("virtiofs", errno.EIO, "root") == ""
    share(tags, "virtiofs", 0, b"root\n")
    assert shares.explain("virtiofs", errno.EINVAL, "root") == ""  # an option, then
