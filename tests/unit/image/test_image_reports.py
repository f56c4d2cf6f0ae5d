"""What `check` says of machines that did not boot, by public reports (R28); see `reports`."""

from dataclasses import replace
from pathlib import Path

import pytest
from fake_kernel import VERSION, make_kernel
from reports import REPORTS, Report
from writing import archive_of

from initpy.config.jobs import json_text
from initpy.config.project import PROJECT
from initpy.image.check.check import prove
from initpy.image.check.proof import Proof, Row
from initpy.image.content.keys import CRYPTTAB
from initpy.image.stack.describe import describe
from initpy.image.tree import File, Link, Tree


def proof_of(report: Report, base: Path) -> Proof:
    builtin = f"{report.builtin}\n"
    modules = make_kernel(base / "system", report.kernel, builtin=builtin)
    if report.config:
        (modules / "config").write_text(report.config)
    inside = [each for each in report.kernel if each.name not in report.lacks]
    folder = make_kernel(base / "image", inside, builtin=builtin)
    tree = Tree()
    for path in folder.rglob("*"):
        if path.is_file():
            tree.add(f"/usr/lib/modules/{VERSION}/{path.relative_to(folder)}", File(path))
    tree.add("/lib", Link("usr/lib"))
    jobs = (*(PROJECT / "jobs").glob("*.toml"), PROJECT / "jobs/extra/zfs.toml")
    for path in jobs if report.ours else ():
        tree.add(f"/usr/lib/initpy/jobs/{path.stem}.json", File(json_text(path).encode()))
    if report.crypttab:
        tree.add(CRYPTTAB, File(report.crypttab.encode()))
    for name, data in report.inside.items():
        tree.add(name, File(data, 0o755))
    archive = replace(archive_of(tree, Path(report.image)), sections=report.sections or {})
    stack = describe("/", report.system())

    def machine(path: str) -> bytes | None:
        there = report.modules_on_root and path == f"/usr/lib/modules/{VERSION}/modules.dep"
        return b"" if there else None

    return prove(archive, stack, VERSION, modules=modules, run=False, machine=machine)


def told(report: Report, proof: Proof) -> list[Row]:
    layer, need, verdict = report.row
    return [row for row in proof.rows
            if layer in row.layer and need in row.need and row.verdict is verdict
            and report.words in row.reason]  # fmt: skip


@pytest.mark.parametrize("name", REPORTS)
def test_the_check_tells(name: str, tmp_path: Path) -> None:
    report = REPORTS[name]
    proof = proof_of(report, tmp_path)
    assert told(report, proof), "\n".join(map(str, proof.rows))


@pytest.mark.parametrize("name", [name for name, report in REPORTS.items() if report.cure])
def test_the_check_is_content_without_the_fault(name: str, tmp_path: Path) -> None:
    report = REPORTS[name]
    proof = proof_of(report.cured, tmp_path)
    assert not told(report, proof)
