"""Each name of a recorded machine's root leads to it, and no name of another device does."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from test_image_parameters import image

from initpy.core.jobs.definitions import JobDefinition
from initpy.image.check.parameters import Boot
from initpy.image.check.proof import Verdict
from initpy.image.stack.bootlines import CommandLine
from initpy.image.stack.describe import describe
from initpy.image.stack.layers import Kind, Layer, Stack
from initpy.image.stack.names import ENCRYPTED
from initpy.image.stack.system import Recorded

STACKS = sorted((Path(__file__).parent / "stacks").glob("*.json"))
TAGS = {"ID_FS_UUID": "UUID", "ID_FS_LABEL": "LABEL", "ID_PART_ENTRY_UUID": "PARTUUID",
        "ID_PART_ENTRY_NAME": "PARTLABEL"}  # fmt: skip
NO_JOBS: tuple[JobDefinition, ...] = ()


def stack_of(path: Path) -> Stack:
    return describe("/sysroot", Recorded(path.read_text(), path.name))


def verdict(stack: Stack, name: str) -> Verdict:
    boot = Boot(image(), stack, CommandLine(f"root={name}", "test"), NO_JOBS)
    return next(row.verdict for row in boot.rows(required=True) if row.need == "root=")


def devices_of(stack: Stack) -> list[Layer]:
    """Return the devices of root, also below an overlay."""
    root = Boot(image(), stack, None).root
    assert root is not None
    found, waiting = [], [*root.on]
    while waiting:
        layer = stack.layer(waiting.pop())
        if layer.kind is Kind.FILESYSTEM:
            waiting += layer.on
        elif layer.identity.startswith("block:"):
            found.append(layer)
    return found


def names(layer: Layer) -> Iterator[str]:
    yield layer.name
    yield from layer.property("DEVLINKS").split()
    yield f"{layer.property('MAJOR')}:{layer.property('MINOR')}"
    yield from (f"{tag}={value}" for key, tag in TAGS.items() if (value := layer.property(key)))


@pytest.mark.parametrize("path", STACKS, ids=lambda path: path.stem)
def test_each_name_of_the_roots_device_leads_to_root(path: Path) -> None:
    stack = stack_of(path)
    devices = devices_of(stack)
    by_tag = {each for device in devices for each in names(device)}
    for name in sorted(by_tag):
        found = verdict(stack, name)
        # Without a crypttab the image gives an encrypted volume another name.
        renamed = any(each.kind in ENCRYPTED for each in devices) and name.startswith("/dev/")
        good = (Verdict.OK, Verdict.WARNING, *((Verdict.MISSING,) if renamed else ()))
        assert found in good, name
        if name.startswith("/dev/disk/by-diskseq/") or name[0].isdigit():
            assert found is not Verdict.OK, name


@pytest.mark.parametrize("path", STACKS, ids=lambda path: path.stem)
def test_no_name_of_another_device_leads_to_root(path: Path) -> None:
    stack = stack_of(path)
    devices = devices_of(stack)
    on = {each.identity for each in devices}
    opened = {below for each in devices if each.kind in ENCRYPTED for below in each.on}
    opened |= {below for each in opened for below in stack.layer(each).on}  # dm-integrity
    mine = {name for each in devices for name in names(each)}
    others = [each for each in stack.layers if each.identity.startswith("block:")]
    for layer in others:
        # A name of an encrypted volume means what it opens as.
        if layer.identity not in on | opened and layer.property("ID_FS_TYPE") != "crypto_LUKS":
            for name in {*names(layer)} - mine:
                assert verdict(stack, name) is not Verdict.OK, name
