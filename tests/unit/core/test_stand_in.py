"""root= has the name that an array has on the host that made it: taken at the end (R9)."""

import pytest
from desk import Desk, array, block, filesystem, settings

from initpy.core.actions import Mount, ShowFailure
from initpy.core.devices.graph import Device
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.settings import Degraded, Settings
from initpy.core.storage.md.stand_in import names

BARE = {
    "vda": "11111111-1111-1111-1111-111111111111",
    "vdb": "22222222-2222-2222-2222-222222222222",
}
EXT4 = {"ID_FS_TYPE": "ext4", "ID_FS_USAGE": "filesystem", "ID_FS_LABEL_ENC": "root"}
SWAP = {"ID_FS_TYPE": "swap", "ID_FS_USAGE": "other"}
THEIRS = "MD_DEVICE={}\nMD_FOREIGN=yes\nMD_STARTED={}\n"


def asked(path: str = "/dev/md2", **more: object) -> Settings:
    """root= is a path."""
    known = {"root_wait": 20.0, "md_timeout": 5.0, **more}
    return settings(root=DeviceSpec(Naming.PATH, path), **known)


def member(disk: str, called: str) -> Device:
    """A disk with a superblock of version 1.2."""
    return block(disk, ID_FS_TYPE="linux_raid_member", ID_FS_USAGE="raid", ID_FS_UUID=BARE[disk],
                 ID_FS_LABEL=called, ID_FS_VERSION="1.2")  # fmt: skip


def link(disk: str) -> str:
    """What udev calls the array on this disk."""
    bare = BARE[disk].replace("-", "")
    return "/dev/disk/by-id/md-uuid-" + ":".join(bare[at : at + 8] for at in range(0, 32, 8))


def runs(name: str, disk: str, state: str = "clean", **known: str) -> Device:
    """The array, with the link that it has wherever it runs."""
    device = array(name, (disk,), state, DEVTYPE="disk", **known)
    return device._replace(links=frozenset((link(disk),)))


def whole(desk: Desk, called: str = "rescue:2", disk: str = "vda", name: str = "md127") -> None:
    """A complete array of another host, with a file system."""
    desk.see(member(disk, called))
    desk.end(f"md-member@{disk}", output=THEIRS.format(name, "yes"))
    desk.see(runs(name, disk, **EXT4))


def mounts(desk: Desk) -> list[str]:
    """What was mounted."""
    return [each.source for _, each in desk.actions(Mount) if isinstance(each, Mount)]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/dev/md2", [("2", "")]),
        ("/dev/md/2", [("2", "")]),
        ("/dev/md/rescue", [("rescue", "")]),
        ("/dev/md2p1", [("2", "1")]),
        ("/dev/md/2p1", [("2p1", ""), ("2", "1"), ("2p", "1")]),
        ("/dev/md/rescue1", [("rescue1", ""), ("rescue", "1")]),
        ("/dev/md/srv:rescue", [("srv:rescue", "")]),
        ("/dev/sda1", []),
        ("/dev/vg/md2", []),
        ("/dev/mdx", []),
        ("/dev/md/", []),
    ],
)
def test_what_a_path_may_name(path: str, expected: list[tuple[str, str]]) -> None:
    assert names(path) == expected


@pytest.mark.parametrize("path", ["/dev/md2", "/dev/md/2"])
def test_the_only_array_of_that_name_is_taken_when_the_wait_is_over(path: str) -> None:
    desk = Desk(asked(path))
    whole(desk)
    desk.wait(19)
    assert mounts(desk) == []
    desk.wait(21)
    desk.end("fsck-ext@md127")
    desk.wait(22)
    assert mounts(desk) == ["/dev/md127"]
    assert (
        f"/dev/md127: taken for root, as nothing else is {path}: it is rescue:2" in desk.reports()
    )
    assert f"root={link('vda')}" in desk.reports()
    assert desk.actions(ShowFailure) == []


def test_a_partition_of_it_is_taken() -> None:
    desk = Desk(asked("/dev/md2p1"))
    desk.see(member("vda", "rescue:2"))
    desk.end("md-member@vda", output=THEIRS.format("md127", "yes"))
    desk.see(runs("md127", "vda", ID_PART_TABLE_TYPE="gpt"))
    part = filesystem("md127p1", on=("md127",), DEVTYPE="partition")
    desk.see(part._replace(links=frozenset((link("vda") + "-part1",))))
    desk.wait(21)
    desk.end("fsck-ext@md127p1")
    desk.wait(22)
    assert mounts(desk) == ["/dev/md127p1"]


def test_of_two_none_is_taken_and_the_screen_names_both() -> None:
    desk = Desk(asked())
    whole(desk)
    whole(desk, "old:2", "vdb", "md126")
    desk.wait(60)
    assert mounts(desk) == []
    [(_, shown)] = desk.actions(ShowFailure)
    assert isinstance(shown, ShowFailure)
    said = "".join(each.reason for each in shown.tree.children)
    assert all(each in said for each in ("rescue:2", "old:2", link("vda"), link("vdb")))


@pytest.mark.parametrize("called", ["rescue:3", "rescue:22", "2:rescue", "rescue:"])
def test_an_array_of_another_name_is_not_taken(called: str) -> None:
    desk = Desk(asked())
    whole(desk, called)
    desk.wait(60)
    assert mounts(desk) == []
    assert len(desk.actions(ShowFailure)) == 1


def test_it_is_not_taken_beside_a_device_of_that_name_that_holds_something_else() -> None:
    desk = Desk(asked())
    whole(desk)
    desk.see(block("md2", ID_FS_TYPE="LVM2_member", ID_FS_USAGE="raid"))
    desk.wait(60)
    assert mounts(desk) == []


def test_what_holds_no_file_system_is_not_taken() -> None:
    desk = Desk(asked())
    desk.see(member("vda", "rescue:2"))
    desk.end("md-member@vda", output=THEIRS.format("md127", "yes"))
    desk.see(runs("md127", "vda", **SWAP))
    desk.wait(60)
    assert "taken for root" not in desk.reports()


def half(desk: Desk, **known: str) -> None:
    """An incomplete array, which is looked into."""
    desk.see(member("vda", "rescue:2"), array("md127", ("vda",), "inactive"))
    desk.end("md-member@vda", output=THEIRS.format("md127", "unsafe"))
    desk.wait(6)
    desk.see(runs("md127", "vda", "readonly"))
    desk.end("md-look@md127")
    desk.see(runs("md127", "vda", "readonly", **known))
    desk.wait(12)
    desk.lose("md127")
    desk.end("md-take-down@md127")
    desk.see(array("md127", ("vda",), "inactive"))
    desk.end("md-member@vda", output=THEIRS.format("md127", "unsafe"))


def test_an_incomplete_one_is_started_only_at_the_end() -> None:
    desk = Desk(asked())
    half(desk, **EXT4)
    desk.wait(19)
    assert desk.runs("md-start@md127") == []
    desk.wait(40)
    assert len(desk.runs("md-start@md127")) == 1
    desk.see(runs("md127", "vda", md__degraded="1", **EXT4))
    desk.end("md-start@md127")
    desk.wait(desk.now + 1)
    desk.end("fsck-ext@md127")
    desk.wait(desk.now + 1)
    assert mounts(desk) == ["/dev/md127"]


def test_an_incomplete_one_without_a_file_system_is_never_started() -> None:
    desk = Desk(asked())
    half(desk, **SWAP)
    desk.wait(90)
    assert desk.runs("md-start@md127") == []


def test_an_incomplete_one_is_left_alone_against_the_policy() -> None:
    desk = Desk(asked(md_degraded=Degraded.NO))
    desk.see(member("vda", "rescue:2"), array("md127", ("vda",), "inactive"))
    desk.end("md-member@vda", output=THEIRS.format("md127", "unsafe"))
    desk.wait(90)
    assert desk.runs("md-start@md127") == []
    assert desk.writes("md-look@md127") == []


def test_what_root_names_goes_before_it_until_that_is_mounted() -> None:
    desk = Desk(asked())
    half(desk, **EXT4)
    desk.wait(40)
    assert "taken for root" in desk.reports()
    desk.see(filesystem("md2"))
    desk.see(runs("md127", "vda", md__degraded="1", **EXT4))
    desk.wait(42)
    assert mounts(desk) == ["/dev/md2"]


def test_the_tree_says_nothing_of_other_hosts_where_the_own_array_lacks_members() -> None:
    desk = Desk(asked(md_degraded=Degraded.NO))
    desk.see(member("vda", "deb:2"), array("md2", ("vda",), "inactive"))
    desk.end("md-member@vda", output="MD_DEVICE=md2\nMD_FOREIGN=no\nMD_STARTED=unsafe\n")
    desk.wait(90)
    assert not [each for each in desk.nodes() if "on the host that made it" in each.label]


def test_the_tree_says_how_the_only_one_is_taken_at_once() -> None:
    desk = Desk(asked())
    whole(desk)
    [node] = [each for each in desk.nodes() if "on the host that made it" in each.label]
    assert f"root={link('vda')}" in node.reason
