"""The check compares what the image has of the machine's files and others know it by (R28)."""

from pathlib import Path

import pytest
from fake_system import FakeSystem, iscsi, nested
from writing import archive_of

from initpy.config.jobs import parse_job_file
from initpy.image.check import copies
from initpy.image.check.proof import Verdict
from initpy.image.stack.describe import describe
from initpy.image.tree import File, Tree

LINK = "/etc/systemd/network/10-lan.link"
NAME = "/etc/iscsi/initiatorname.iscsi"
JOB = parse_job_file(
    "x.toml",
    f"""
summary = "x"
[image]
of_machine = [
    "{NAME}", "/etc/nvme/hostnqn", "/etc/hostid", "/etc/zfs/keys", "/etc/systemd/network/*.link",
]
""",
)
FILES = {NAME: b"InitiatorName=iqn.a", "/etc/hostid": b"1234", "/etc/zfs/keys/a": b"secret",
         "/etc/other": b"x", LINK: b"[Link]"}  # fmt: skip


@pytest.mark.parametrize(
    ("system", "changed", "verdicts"),
    [
        (nested(), {}, []),
        (nested(), FILES, []),
        (nested(), {NAME: b"InitiatorName=iqn.b"}, [Verdict.WARNING]),
        (iscsi(), {NAME: b"InitiatorName=iqn.b"}, [Verdict.UNKNOWN]),
        (iscsi(), {"/etc/zfs/keys/a": b"other", "/etc/hostid": b""}, [Verdict.WARNING] * 2),
        (nested(), {LINK: b"[Match]"}, [Verdict.WARNING]),
        (iscsi(), {LINK: b"[Match]"}, [Verdict.UNKNOWN]),
        (iscsi(), {"/etc/other": b"y", "/etc/nvme/hostnqn": b"new"}, []),
    ],
)
def test_a_file_that_has_changed(
    system: FakeSystem, changed: dict[str, bytes], verdicts: list[Verdict]
) -> None:
    tree = Tree()
    for path, content in FILES.items():
        tree.add(path, File(content))
    archive = archive_of(tree, Path("x.img"))
    rows = [*copies.rows(archive, describe("/", system), [JOB], changed.get)]
    assert [row.verdict for row in rows] == verdicts
    assert not any("secret" in row.reason for row in rows)
