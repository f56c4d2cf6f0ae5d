"""The check says whose arrays the root stands on, and whether they start incomplete (R9, R36)."""

from dataclasses import replace
from pathlib import Path

import pytest
from writing import archive_of

from initpy.image.check.arrays import Arrays
from initpy.image.check.programs import ImagePrograms
from initpy.image.check.proof import Row, Verdict
from initpy.image.formats.archive import Archive
from initpy.image.stack.describe import describe
from initpy.image.stack.layers import Kind, Layer, Stack
from initpy.image.stack.system import Recorded
from initpy.image.tree import File, Tree

STACKS = Path(__file__).parent / "stacks"
NAME = ("MD_NAME", "deb:system")
MD_UUID = "15266e43:c7bf5d06:fb348b96:f173b958"
CONF = "/etc/mdadm/mdadm.conf"


def image(hostname: str = "", conf: str = "", more: str = "") -> Archive:
    tree = Tree()
    texts = {"/etc/hostname": hostname, CONF: conf, f"{CONF}.d/more.conf": more}
    for path, text in texts.items():
        if text:
            tree.add(path, File(f"{text}\n".encode()))
    return archive_of(tree, Path("test.img"))


def recorded(name: str) -> Stack:
    text = (STACKS / f"{name}.json").read_text(encoding="utf-8")
    return describe("/sysroot", Recorded(text, name))


def changed(stack: Stack, **facts: str) -> Stack:
    """Return the stack with other facts of its arrays."""

    def each(layer: Layer) -> Layer:
        if layer.kind is not Kind.MD:
            return layer
        return replace(layer, facts=tuple({**dict(layer.facts), **facts}.items()))

    return replace(stack, layers=tuple(map(each, stack.layers)))


def made_by(stack: Stack, host: str) -> Stack:
    """Return the stack with arrays of metadata 1.x that the host has made."""

    def each(layer: Layer) -> Layer:
        keys = ("MD_NAME", "ID_FS_LABEL") if layer.property("MD_NAME") else ("ID_FS_LABEL",)
        found = dict(layer.properties)
        names = {key: found[key].replace("any:", host) for key in keys if key in found}
        return replace(layer, properties=tuple({**found, **names}.items()))

    return replace(stack, layers=tuple(map(each, stack.layers)))


def rows(archive: Archive, stack: Stack, cmdline: str = "") -> list[Row]:
    arrays = Arrays(archive, stack, cmdline, ImagePrograms(archive))
    return [row for layer in stack.layers for row in arrays.rows(layer)]


@pytest.mark.parametrize(
    ("archive", "cmdline", "own", "words"),
    [
        (image("deb"), "", True, "deb has made it, and so is this machine called at boot"),
        (image(), "", False, "deb has made it, this image carries no host name: add its line"),
        (image("other"), "", False, "deb has made it, this one is other: add its line of `mdadm"),
        (image("deb.example.org"), "", False, "this one is deb.example.org"),
        (image("other"), "systemd.hostname=deb", True, "deb has made it"),
        (image("deb"), "systemd.hostname=other", False, "this one is other"),
        (image("other"), f"rd.md.uuid={MD_UUID.replace(':', '')}", True, "rd.md.uuid= names"),
        (image("", f"ARRAY /dev/md/0 UUID={MD_UUID}"), "", True, "names it, as /dev/md/0"),
        (image("", "", f"ARRAY /dev/md/0 UUID={MD_UUID}"), "", True, "as /dev/md/0"),
        (image("", "#", f"ARRAY /dev/md/0 UUID={MD_UUID}"), "", True, "as /dev/md/0"),
        (image("", f"ARRAY /dev/md/0 UUID={MD_UUID}"), "rd.md.conf=0", False, "no host name"),
        (image("", "HOMEHOST <ignore>"), "", True, "takes arrays of all hosts"),
        (image("other", "HOMEHOST deb"), "", True, "deb has made it"),
        (image("deb", "HOMEHOST other"), "", False, "this one is other"),
    ],
)  # fmt: skip
def test_whose_array(archive: Archive, cmdline: str, own: bool, words: str) -> None:
    stack = made_by(recorded("lvm-on-luks-on-raid1"), "deb:")
    whose, missing = rows(archive, stack, cmdline)
    assert (whose.layer, whose.need) == ("/dev/md127 (md)", "whose array")
    assert whose.verdict is (Verdict.OK if own else Verdict.WARNING)
    assert words in whose.reason
    assert ("starts last, read-only" in missing.reason) is not own


def test_an_array_for_any_host_and_one_that_tells_no_host() -> None:
    stack = recorded("lvm-on-luks-on-raid1")
    assert rows(image(), stack)[0].reason == "any host may take it (homehost any)"
    whose = rows(image(), made_by(stack, ""))[0]
    assert (whose.verdict, whose.reason) == (Verdict.OK, "its name tells no host")


def test_an_old_array_has_its_host_in_its_uuid() -> None:
    stack = recorded("raid1-old-metadata")
    whose = rows(image(), stack)[0]
    assert (whose.verdict, whose.reason) == (Verdict.OK, "any host may take it (homehost any)")
    # As `mdadm --create --metadata 0.90 --homehost deb` made it; the second half is SHA-1 of deb.
    uuid = ("MD_UUID", "a1b2c3d4:00000001:558d00a1:b6ee8888")
    layers = tuple(
        replace(each, properties=tuple({**dict(each.properties), **dict([uuid])}.items()))
        if each.kind is Kind.MD
        else each
        for each in stack.layers
    )
    other = replace(stack, layers=layers)
    whose = rows(image("other"), other)[0]
    assert whose.verdict is Verdict.WARNING
    assert "another host has made it (by its UUID), this one is other" in whose.reason
    assert rows(image("deb"), other)[0].verdict is Verdict.OK


def test_a_newer_mdadm_reads_no_names() -> None:
    stack = made_by(recorded("lvm-on-luks-on-raid1"), "deb:")
    archive = image("deb", "ARRAY <ignore> name=deb:system\n")
    assert [row.need for row in rows(archive, stack)][2:] == ["mdadm.conf"]
    tree = Tree()
    for path, entry in archive.items():
        tree.add(path, entry)
    tree.add("/usr/sbin/mdadm", File(b"\x7fELF, of 4.4", 0o755))
    assert [row.need for row in rows(archive_of(tree, Path("test.img")), stack)][2:] == []


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("ARRAY <ignore> container=/dev/md/other member=0\n", False),
        ("ARRAY <ignore> container={} member=0\n", True),
        ("ARRAY <ignore> container={} member=1\n", False),
        ("ARRAY <ignore> container={} member=0 UUID=15266e43:c7bf5d06:fb348b96:f173b958\n", False),
        ("ARRAY /dev/md/a container={0} member=0\nARRAY <ignore> container={0} member=0\n", False),
    ],
)
def test_a_volume_of_a_container_that_a_line_leaves_out(text: str, refused: bool) -> None:
    stack = recorded("imsm-raid1")
    container = next(each for each in stack.layers if each.kind is Kind.CONTAINER)
    found = rows(image("deb", text.format(container.property("MD_UUID"))), stack)
    assert [row.verdict for row in found if row.need == "mdadm.conf"] == [Verdict.MISSING] * refused


def test_firmware_raid_is_judged_by_its_container() -> None:
    stack = recorded("imsm-raid1")
    whose, missing, writer = rows(image(), stack)
    assert (writer.verdict, writer.need) == (Verdict.MISSING, "program mdmon")
    assert whose.layer == "/dev/md127 (firmware RAID)"
    assert (whose.verdict, whose.reason[:12]) == (Verdict.OK, "firmware RAI")
    assert missing.reason == "starts after 30 s (rd.md.timeout=)"
    striped = rows(image(), changed(stack, level="raid0"))[1]
    assert striped.reason == "does not start: raid0 needs all its members"


@pytest.mark.parametrize(
    ("facts", "cmdline", "words"),
    [
        ({}, "", "starts after 30 s (rd.md.timeout=)"),
        ({}, "rd.md.timeout=5", "starts after 5 s (rd.md.timeout=)"),
        ({}, "rd.md.degraded=no", "does not start: rd.md.degraded=no"),
        ({}, "bootdegraded=0", "does not start: rd.md.degraded=no"),
        ({}, "rd.md.degraded=ask", "starts when the user says so (rd.md.degraded=ask)"),
        ({"level": "raid0"}, "", "does not start: raid0 needs all its members"),
        ({"level": "linear"}, "", "does not start: linear needs all its members"),
        ({"level": "raid5"}, "", "starts after 30 s (rd.md.timeout=); not after a crash: a dirty "
         "raid5 needs md_mod.start_dirty_degraded=1"),
        ({"level": "raid5"}, "md_mod.start_dirty_degraded=1", "starts after 30 s (rd.md.timeout=)"),
    ],
)  # fmt: skip
def test_a_missing_member(facts: dict[str, str], cmdline: str, words: str) -> None:
    stack = changed(recorded("lvm-on-luks-on-raid1"), **facts)
    assert rows(image(), stack, cmdline)[1].reason == words


def test_an_array_that_lacks_a_member_now_starts_at_once() -> None:
    """Recorded while a member was missing: the superblocks say so now (R7)."""
    stack = recorded("raid1-own-host-degraded")
    whose, missing = rows(image("deb"), stack)
    assert whose.reason == "deb has made it, and so is this machine called at boot"
    assert missing.reason == "starts at once: its metadata records that a member is missing"


def test_a_stack_without_arrays_has_no_rows() -> None:
    assert rows(image(), recorded("btrfs-nvme")) == []


def test_a_pattern_may_be_of_any_name_of_a_member() -> None:
    stack = recorded("lvm-on-luks-on-raid1")
    link = ("DEVLINKS", "/dev/disk/by-id/virtio-a /dev/disk/by-path/pci-1")
    layers = tuple(
        replace(each, properties=(*(x for x in each.properties if x[0] != link[0]), link))
        for each in stack.layers
    )
    found = rows(image("", "DEVICE /dev/disk/by-id/virtio-*"), replace(stack, layers=layers))
    assert [row for row in found if row.need == "mdadm.conf"] == []


@pytest.mark.parametrize(
    ("conf", "words"),
    [
        ("AUTO -all", "AUTO -all leaves it alone"),
        ("AUTO +0.90 -all", "leaves it alone"),
        (f"AUTO -all\nARRAY UUID={MD_UUID}", ""),
        ("DEVICE /dev/sd*", "DEVICE /dev/sd* leaves out the member /dev/vda"),
        ("DEVICE /dev/vd*", ""),
        (f"ARRAY <ignore> UUID={MD_UUID}", "its ARRAY line says <ignore>"),
        (f"DEVICE /dev/sd*\nARRAY UUID={MD_UUID}", "leaves out the member"),
        (
            f"ARRAY /dev/md/a UUID={MD_UUID}\nARRAY UUID={MD_UUID}",
            "2 ARRAY lines match it (/dev/md/a, one without a name), so mdadm takes none",
        ),
        (f"ARRAY /dev/md0 name=deb:system\nARRAY /dev/md1 UUID={MD_UUID}", "2 ARRAY lines"),
        (f"ARRAY /dev/md0 name=deb:data\nARRAY /dev/md1 UUID={MD_UUID}", ""),
        ("ARRAY /dev/md0 UUID=15266e43\nAUTO -all", "leaves it alone"),  # no UUID
        (f"ARRAY /dev/md0 UUID={MD_UUID} super-minor=0\nAUTO -all", "leaves it alone"),
        (f"ARRAY /dev/md0 UUID={MD_UUID} devices=/dev/sda,/dev/sdb\nAUTO -all", "leaves it alone"),
        (f"ARRAY /dev/md0 UUID={MD_UUID} devices=/dev/sda,/dev/vd*\nAUTO -all", ""),
        (f"ARRAY /dev/md0 UUID={MD_UUID} devices=/dev/vda\nAUTO no", "leaves it alone"),
        ("ARRAY /dev/md0 devices=/dev/vd*\nAUTO -all", ""),
        ("ARRAY /dev/md0 container=/dev/md/imsm\nAUTO -all", "leaves it alone"),
        ("ARRAY /dev/md0\nARRAY /dev/md0\n", ""),  # no identity
        ("AUTO +all\nAUTO -all", ""),
        ("DEVICE none", ""),  # a word that mdadm does not know
        ("DEVICE containers", "leaves out the member"),
        ("DEVICE /dev/*", ""),
        ("DEVICE /*/*/*", "leaves out the member"),
        ("NONSENSE -all\n\0\nARR", ""),
    ],
)
def test_a_policy_that_keeps_mdadm_from_the_array(conf: str, words: str) -> None:
    found = rows(image("deb", conf), made_by(recorded("lvm-on-luks-on-raid1"), "deb:"))
    refused = [row for row in found if row.need == "mdadm.conf"]
    assert [row.verdict for row in refused] == ([Verdict.MISSING] if words else [])
    assert all(words in row.reason for row in refused)
