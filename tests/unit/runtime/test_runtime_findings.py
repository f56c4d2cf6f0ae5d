"""What is found out for the failure screen: in a moment, later, or not at all (R23, R5)."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from initpy.core.explanation import Node
from initpy.core.failure.driverless import Unclaimed
from initpy.runtime import damaged_metadata, driverless, findings
from initpy.runtime.aside import Aside
from initpy.runtime.findings import Found, Look, completed, news

EMPTY = Node("/dev/vdb", "ready", reason="no known content", doubtful="/dev/vdb")
TREE = Node("root LABEL=root", "waiting", children=(Node("/dev/vda", "ready"), EMPTY))
RAID = Unclaimed("pci device 0", "RAID controller", ("megaraid_sas",))


def play(scene: Callable[[Aside], Awaitable[None]]) -> None:
    async def run() -> None:
        await asyncio.wait_for(scene(Aside()), 20)

    asyncio.run(run())


def children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine with a damaged disk and a device without a driver."""
    monkeypatch.setattr(damaged_metadata, "look", lambda node: f"damaged {node}")
    monkeypatch.setattr(driverless, "look", lambda: (RAID,))
    yield


def test_all_that_answers_is_found() -> None:
    async def scene(aside: Aside) -> None:
        found = await Look(aside, TREE).within(10)
        assert found == Found({"/dev/vdb": "damaged /dev/vdb"}, {}, (RAID,))
        tree = completed(TREE, found, {})
        assert [each.state for each in tree.children] == ["ready", "damaged", "no driver"]

    play(scene)


def test_what_hangs_is_named_and_looked_for_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(damaged_metadata, "look", lambda _: time.sleep(60))
    monkeypatch.setattr(driverless, "look", lambda: time.sleep(60))

    async def scene(aside: Aside) -> None:
        started, before = time.monotonic(), len(children())
        for _ in range(5):  # `initpy status`, again and again
            found = await Look(aside, TREE, limit=1.0).within(0.1)
        assert time.monotonic() - started < 30
        assert len(children()) == before + 1
        assert found == Found({}, {"/dev/vdb": "could not be read: no answer within 0 s"}, None)
        tree = completed(TREE, found, {})
        assert tree.children[1].reason == (
            "no known content; could not be read: no answer within 0 s"
        )
        assert tree.children[-1] == Node(
            "devices without a driver", "not known", reason="the search for them has not ended yet"
        )
        # The child that can be ended is, and its question may be asked again.
        look = Look(aside, TREE)
        notes = (await look.within(10)).notes
        assert notes == {"/dev/vdb": "could not be read: no answer within 1 s"}
        assert not aside.open("remnant /dev/vdb")

    play(scene)


def test_a_device_that_cannot_be_read_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def bad(_: str) -> str:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(damaged_metadata, "look", bad)

    async def scene(aside: Aside) -> None:
        found = await Look(aside, TREE).within(10)
        reason = completed(TREE, found, {}).children[1].reason
        assert reason == "no known content; could not be read: Input/output error"

    play(scene)


def test_a_superblock_that_is_being_read_shows_for_how_long() -> None:
    tree = Node("root", "waiting", children=(Node("/dev/sda", "not ready", reason="incomplete"),))
    shown = completed(tree, Found(unclaimed=()), {"sda": 12.4}).children[0].reason
    assert shown == "incomplete; no answer for 12 s to a read of its superblock"


def test_what_is_new_is_told_once() -> None:
    before = Found({"/dev/vda": "known"}, {"/dev/vdb": "no answer"}, None)
    after = Found({"/dev/vda": "known", "/dev/vdb": "a damaged LUKS header"}, {}, (RAID,))
    assert news(before, after) == [
        "/dev/vdb: a damaged LUKS header",
        "pci device 0: RAID controller: no driver: module megaraid_sas would drive it; it is not in"
        " this image",
    ]
    assert news(after, after) == []


def test_the_limit_is_longer_than_the_patience() -> None:
    assert findings.SOON < findings.LATE


def test_a_suspended_mapping_is_not_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A read would hang until the user types `dmsetup resume`."""
    monkeypatch.undo()
    monkeypatch.setattr(damaged_metadata, "suspended", lambda name: name == "dm-0")
    with pytest.raises(OSError, match="it is suspended: `dmsetup resume` ends that"):
        damaged_metadata.look("/dev/dm-0")
    (tmp_path / "disk").write_bytes(bytes(1 << 20))
    assert damaged_metadata.look(str(tmp_path / "disk")) == ""
