"""The check finds modules that the machine has in another build for the same release (R28)."""

from dataclasses import replace
from pathlib import Path

import pytest
from fake_kernel import Module
from test_image_drivers import ALL, EXT4, JBD2, Bench, asks, stack

from initpy.image.check.proof import Verdict
from initpy.image.formats.modbuild import read_build
from initpy.lab.kernels import lab_kernel

OLD, NEW = "aa" * 20, "bb" * 20
CRC = (("memcpy", 1), ("printk", 2))


def built(module: Module, build: str, **more: object) -> tuple[Module, ...]:
    """Return all modules, this one in a build."""
    changed = replace(module, build=build, symbols=CRC, **more)  # type: ignore[arg-type]
    return tuple(changed if each is module else each for each in ALL)


@pytest.mark.parametrize(
    ("then", "now", "verdict", "words"),
    [
        (built(EXT4, OLD), built(EXT4, OLD), None, ""),
        (built(EXT4, OLD), built(EXT4, NEW), Verdict.UNKNOWN, "build of ext4: cannot know"),
        (built(JBD2, OLD), built(JBD2, NEW), Verdict.UNKNOWN, "another build of jbd2"),
        (built(EXT4, OLD), built(EXT4, ""), None, ""),  # stripped
        (built(EXT4, OLD, in_tree=False), built(EXT4, NEW, in_tree=False), Verdict.WARNING, "ext4"),
    ],
)
def test_a_module_of_another_build(
    then: tuple[Module, ...], now: tuple[Module, ...], verdict: Verdict | None, words: str,
    tmp_path: Path,
) -> None:  # fmt: skip
    bench = Bench(tmp_path, now)
    proof = bench.prove(then, stack(asks("fs-ext4")))
    found = [row for row in proof.rows if row.need == "builds of modules"]
    assert [row.verdict for row in found] == ([verdict] if verdict else [])
    assert not found or words in found[0].reason


def test_a_module_whose_symbols_the_kernel_has_in_another_form_is_refused(tmp_path: Path) -> None:
    now = built(EXT4, NEW)
    changed = tuple(
        replace(each, symbols=(("printk", 3),)) if each.build == NEW else each for each in now
    )
    proof = Bench(tmp_path, changed).prove(built(EXT4, OLD), stack(asks("fs-ext4")))
    (row,) = [each for each in proof.rows if each.need == "builds of modules"]
    assert row.verdict is Verdict.MISSING and "the kernel's printk" in row.reason


def test_what_tells_builds_apart_is_read_from_real_modules() -> None:
    kernel = lab_kernel()
    path = next(kernel.modules.rglob("*.ko*"))
    found = read_build(path.read_bytes())
    assert len(found.identity) == 40 and found.in_tree
    assert found.vermagic.startswith(kernel.version)
    assert not found.is_other(read_build(path.read_bytes()))
