"""The image can unlock the root's encrypted volumes as its crypttab says (R10, R28)."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from fake_system import FakeSystem, nested, virtio_disk
from layouts import plain_dm
from writing import archive_of

from initpy.image.check.check import prove
from initpy.image.check.machine import Machine, nothing
from initpy.image.check.proof import Proof, Row, Verdict
from initpy.image.check.volumes import _memory
from initpy.image.formats.archive import Archive
from initpy.image.stack.describe import describe
from initpy.image.stack.layers import HEADER_OF, KEY, Kind, Layer, Stack
from initpy.image.tree import File, Tree

STACK = describe("/", nested())
JOB = File(b'{"summary": "it is ours"}')
STICK = "/dev/disk/by-label/STICK"
CRYPT = "/dev/mapper/crypt (LUKS)"


def image(crypttab: str, files: Mapping[str, File] | None = None) -> Archive:
    """Return an initpy image with a crypttab."""
    tree = Tree()
    tree.add("/usr/lib/initpy/jobs/some.json", JOB)
    tree.add("/etc/crypttab", File(crypttab.encode()))
    for path, entry in (files or {}).items():
        tree.add(path, entry)
    return archive_of(tree, Path("test.img"))


def header(uuid: str) -> bytes:
    """Return the beginning of a LUKS header."""
    return b"LUKS\xba\xbe\0\2".ljust(168, b"\0") + uuid.encode().ljust(40, b"\0")


def proved(archive: Archive, stack: Stack, machine: Machine = nothing) -> Proof:
    absent = Path("/nonexistent")
    return prove(archive, stack, stack.kernel, modules=absent, run=False, machine=machine)


def opening(
    archive: Archive, stack: Stack, layer: str = CRYPT, machine: Machine = nothing
) -> list[Row]:
    """Return the rows about key, header and key script."""
    needs = ("key", "header")
    found = proved(archive, stack, machine).rows
    return [row for row in found if row.layer == layer and row.need.startswith(needs)]


@pytest.mark.parametrize(
    ("line", "file", "verdict", "words"),
    [
        ("", "", Verdict.OK, "crypttab does not name it: the boot asks for a passphrase"),
        ("crypt UUID=x none luks", "", Verdict.OK, "the boot asks for a passphrase"),
        ("crypt UUID=x /k luks", "/k", Verdict.OK, "/k"),
        ("crypt UUID=x /k luks", "", Verdict.WARNING, "not in the image; --add /k: the boot asks"),
        ("crypt UUID=x /k luks,headless", "/k", Verdict.OK, "/k"),
        ("crypt UUID=x /k headless", "", Verdict.MISSING, "/k: nothing opens it: `headless`"),
        ("crypt UUID=x - headless", "", Verdict.MISSING, "nothing opens it: `headless` forbids"),
        (
            "crypt UUID=x - headless,try-empty-password",
            "",
            Verdict.OK,
            "the empty passphrase",
        ),
        ("crypt UUID=x a keyscript=/s", "/s", Verdict.OK, "/s"),
        ("crypt UUID=x a keyscript=/s", "", Verdict.WARNING, "/s is not in the image; --add /s"),
        ("crypt UUID=x a keyscript=/s,headless", "", Verdict.MISSING, "nothing opens it"),
        ("crypt UUID=x /k plain", "", Verdict.MISSING, "a passphrase does not replace a key file"),
        ("crypt UUID=x none header=/h", "/h", Verdict.OK, "/h"),
        (
            "crypt UUID=x none header=/h",
            "",
            Verdict.MISSING,
            "the volume without: --add /h",
        ),
        # By the device, not by the name in the line.
        ("other /dev/md127 /k headless", "", Verdict.MISSING, "/k is not in the image"),
    ],
)
def test_each_way_to_open_a_volume(line: str, file: str, verdict: Verdict, words: str) -> None:
    contents = {"/s": b"#!/s2\n", "/h": header("3b1f"), "/k": b"key"}
    files = {file: File(contents[file], 0o755)} if file else {}
    if file == "/s":
        files["/s2"] = File(Path("/bin/busybox").read_bytes(), 0o755)
    rows = opening(image(line + "\n", files), describe("/", nested()))
    assert rows[0].verdict is verdict, rows
    assert words in rows[0].reason


@pytest.mark.parametrize(
    ("options", "key", "verdict", "words"),
    [
        ("luks", b"", Verdict.WARNING, "/k is empty: the boot asks for a passphrase"),
        ("headless", b"", Verdict.MISSING, "/k is empty: nothing opens it"),
        ("headless,keyfile-offset=3", b"abc", Verdict.MISSING, "/k has 3 bytes, fewer than"),
        ("headless,keyfile-offset=2,keyfile-size=2", b"abc", Verdict.MISSING, "has 3 bytes"),
        ("headless,keyfile-offset=2,keyfile-size=1", b"abc", Verdict.OK, "/k"),
    ],
)
def test_a_file_that_holds_no_key(options: str, key: bytes, verdict: Verdict, words: str) -> None:
    (row,) = opening(image(f"crypt UUID=x /k {options}\n", {"/k": File(key)}), STACK)
    assert row.verdict is verdict
    assert words in row.reason


@pytest.mark.parametrize(
    ("line", "file", "content", "verdict"),
    [
        ("crypt UUID=x /k luks", "/k", b"key", Verdict.WARNING),  # a passphrase will do
        ("crypt UUID=x /k luks,headless", "/k", b"key", Verdict.UNKNOWN),
        ("crypt UUID=x none luks,header=/h", "/h", header("3b1f"), Verdict.WARNING),
        ("crypt UUID=x a keyscript=/s", "/s", b"#!/s\n", Verdict.WARNING),
    ],
)
def test_a_file_of_the_machine_that_has_changed_since_the_build(
    line: str, file: str, content: bytes, verdict: Verdict
) -> None:
    files = {file: File(content, 0o755), "/s": File(Path("/bin/busybox").read_bytes(), 0o755)}
    archive = image(f"{line}\n", files)
    same, other = {file: files[file].read()}, {file: b"another"}
    assert opening(archive, STACK, machine=same.get)[0].verdict is Verdict.OK
    row = opening(archive, STACK, machine=other.get)[0]
    assert row.verdict is verdict
    assert row.reason == f"{file} of this machine has changed since: build the image again"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "/h is no LUKS header"),
        (b"random", "/h is no LUKS header"),
        (header("5eed"), "/h is the header of the volume 5eed, not of this one"),
        (header("3b1f-1"), "/h is the header of the volume 3b1f-1"),
        (header(""), "is the header of the volume"),
    ],
)
def test_a_header_that_opens_nothing(content: bytes, words: str) -> None:
    (row, *_) = opening(image("crypt UUID=x none header=/h\n", {"/h": File(content)}), STACK)
    assert row.verdict is Verdict.MISSING
    assert words in row.reason


@pytest.mark.parametrize(
    ("kind", "words"),
    [("TCRYPT", "VeraCrypt"), ("BITLK", "BitLocker"), ("FVAULT2", "FileVault"), ("PLAIN", "")],
)
@pytest.mark.parametrize("line", ["", "crypt /dev/vda /k plain", "crypt /dev/vda - tcrypt"])
def test_a_format_that_only_the_real_system_opens(kind: str, words: str, line: str) -> None:
    proof = proved(image(f"{line}\n", {"/k": File(b"k")}), describe("/", unmarked(kind)))
    found = [row for row in proof.rows if row.need == "type"]
    assert [row.verdict for row in found] == [Verdict.MISSING] * bool(words)
    assert all(words in row.reason for row in found)


def test_a_key_file_is_found_by_its_name() -> None:
    files = {"/etc/cryptsetup-keys.d/crypt.key": File(b"k", 0o600)}
    (row,) = opening(image("crypt UUID=x none headless\n", files), describe("/", nested()))
    assert (row.verdict, row.reason) == (Verdict.OK, "/etc/cryptsetup-keys.d/crypt.key")


def test_a_key_script_that_cannot_run_is_missing() -> None:
    line = "crypt UUID=x a keyscript=/s,headless\n"
    (row,) = opening(image(line, {"/s": File(b"#!/gone\n", 0o755)}), describe("/", nested()))
    assert row.verdict is Verdict.MISSING
    assert "cannot run (/s is a script for /gone, which is missing)" in row.reason


def test_the_status_is_77_for_a_headless_volume_without_a_key() -> None:
    proof = proved(image("crypt UUID=x /k headless\n"), describe("/", nested()))
    assert proof.status == 77
    assert any(row.need == "key file" for row in proof.of(Verdict.MISSING))


def unmarked(kind: str) -> FakeSystem:
    """Return a root on a volume without a header."""
    system = FakeSystem()
    virtio_disk(system, "vda", 1)
    table = "0 160000 crypt aes-xts-plain64 :64:logon:cryptsetup:0 0 254:16 0"
    system.mapped("dm-0", "253:0", "crypt", f"CRYPT-{kind}-crypt", table, ["vda"],
                  ID_FS_TYPE="ext4")  # fmt: skip
    system.mount("/", "ext4", "/dev/mapper/crypt", "253:0")
    return system


@pytest.mark.parametrize("kind", ["PLAIN", "LUKS2-3b1f"])
def test_only_crypttab_names_a_volume_without_a_header(kind: str) -> None:
    stack = describe("/", unmarked(kind))
    (layer,) = (each.name for each in stack.layers if each.name == "/dev/mapper/crypt")
    kinds = {"PLAIN": "dm-crypt", "LUKS2-3b1f": "LUKS"}
    (row,) = opening(image(""), stack, f"{layer} ({kinds[kind]})")
    assert row.verdict is Verdict.UNKNOWN
    assert "the option `initramfs`" in row.reason


def test_the_command_line_names_a_volume_too() -> None:
    """The command line of a unified kernel image precedes that of the running system."""
    system = unmarked("PLAIN")
    system.texts["/proc/cmdline"] = "cryptopts=target=crypt,source=/dev/vda,plain,header=/h quiet"
    stack = describe("/", system)
    assert describe("/dev/mapper/crypt", system).cmdline == ""
    archive = image("")
    header, key = opening(archive, stack, "/dev/mapper/crypt (dm-crypt)")
    assert (header.verdict, key.verdict) == (Verdict.MISSING, Verdict.OK)
    own = {".cmdline": b"root=LABEL=x\0"}
    unified = Archive(archive.path, 0, entries=archive.entries, sections=own)
    (row,) = opening(unified, stack, "/dev/mapper/crypt (dm-crypt)")
    assert row.verdict is Verdict.UNKNOWN


def stick(*, there: bool, options: str) -> FakeSystem:
    """Return the nested root with its key on a USB stick."""
    system = nested()
    if there:
        virtio_disk(system, "vdk", 7, ID_FS_TYPE="exfat", ID_FS_LABEL_ENC="STICK")
    system.texts["/etc/crypttab"] = f"crypt UUID=x {STICK}:/root.key {options}\n"
    return system


def test_the_device_with_the_key_is_part_of_the_stack() -> None:
    stack = describe("/", stick(there=True, options="luks"))
    (top,) = (layer for layer in stack.layers if layer.fact(KEY))
    assert (top.fact(KEY), top.fact("type"), top.on) == ("crypt", "exfat", ("block:vdk",))
    assert top.identity not in stack.tops
    assert Stack.from_json(stack.to_json(), "it") == stack


@pytest.mark.parametrize(
    ("options", "verdict"), [("luks", Verdict.WARNING), ("headless", Verdict.MISSING)]
)
def test_a_headless_volume_needs_the_drivers_of_the_stick(
    options: str, verdict: Verdict, tmp_path: Path
) -> None:
    system = stick(there=True, options=options)
    stack = describe("/", system)
    archive = image(system.texts["/etc/crypttab"])
    modules = tmp_path / stack.kernel
    modules.mkdir()
    (modules / "modules.dep").write_text("kernel/a.ko:\n")
    for name in ("modules.alias", "modules.builtin", "modules.softdep"):
        (modules / name).touch()
    proof = prove(archive, stack, stack.kernel, modules=modules, run=False)
    (row,) = (row for row in proof.rows if row.need == "file system exfat")
    assert row.verdict is verdict
    assert ("the boot asks for a passphrase" in row.reason) is (verdict is Verdict.WARNING)
    (key,) = opening(archive, stack)
    assert key.verdict is Verdict.OK


@pytest.mark.parametrize(
    ("options", "verdict"), [("luks", Verdict.WARNING), ("headless", Verdict.UNKNOWN)]
)
def test_an_absent_stick_cannot_be_checked(options: str, verdict: Verdict) -> None:
    system = stick(there=False, options=options)
    (row,) = opening(image(system.texts["/etc/crypttab"]), describe("/", system))
    assert row.verdict is verdict
    assert "is not present now" in row.reason


def test_another_stick_than_that_of_now_cannot_be_checked() -> None:
    stack = describe("/", stick(there=True, options="headless"))
    (row,) = opening(image("crypt UUID=x /root.key:LABEL=OTHER headless\n"), stack)
    assert (row.verdict, "is not present now" in row.reason) == (Verdict.UNKNOWN, True)


@pytest.mark.parametrize("place", ["/root.img:LABEL=STICK", "/dev/disk/by-label/STICK"])
def test_the_device_with_a_detached_header_is_part_of_the_stack(place: str) -> None:
    line = f"crypt UUID=x none luks,header={place}\n"
    system = stick(there=True, options="")
    system.texts["/etc/crypttab"] = line
    stack = describe("/", system)
    (top,) = (layer for layer in stack.layers if layer.fact(HEADER_OF))
    below = top.name if place.startswith("/dev") else stack.layer(top.on[0]).name
    assert (top.fact(HEADER_OF), below) == ("crypt", "/dev/vdk")
    assert Stack.from_json(stack.to_json(), "it") == stack
    assert opening(image(line), stack)[0].verdict is Verdict.OK
    proof = proved(image(line), stack)
    # Without it nothing is opened: its drivers are as necessary as the root's.
    lacks = [row for row in proof.rows if "0000:00:07.0" in row.layer or "virtio7" in row.layer]
    assert {row.verdict for row in lacks} == {
        row.verdict for row in proof.rows if "0000:00:01.0" in row.layer or "virtio1" in row.layer
    }
    system = stick(there=False, options="")
    system.texts["/etc/crypttab"] = line
    (header, *_) = opening(image(line), describe("/", system))
    assert (header.need, header.verdict) == ("header", Verdict.UNKNOWN)


@pytest.mark.parametrize(
    ("options", "need"),
    [
        ("plain,cipher=aes-xts-plain64", ""),
        ("plain,cipher=aes-cbc-plain", "cipher"),
        ("luks", "type"),
        ("luks,header=/h", ""),
    ],
)
def test_a_plain_volume_with_the_line_of_another(options: str, need: str) -> None:
    system = FakeSystem()
    plain_dm(system)
    archive = image(f"root /dev/vda none {options}\n", {"/h": File(header("3b1f"))})
    proof = proved(archive, describe("/", system))
    found = {row.need for row in proof.of(Verdict.MISSING) if row.need in ("type", "cipher")}
    assert found == ({need} if need else set())


@pytest.mark.parametrize(
    ("machine", "warned"), [("1000000", True), ("1200000", True), ("2000000", False), ("", False)]
)
def test_a_key_slot_may_need_more_memory_than_there_is(machine: str, warned: bool) -> None:
    facts = (("memory", "1048576"), ("machine_memory", machine))
    row = _memory("x", Layer("block:dm-0", Kind.LUKS, "x", facts=facts))
    assert (row is not None) is warned
    if row is not None:
        assert row.reason.startswith(
            f"a key slot needs 1024 MB to open, and the machine has {int(machine) >> 10}"
        )


def with_header(**facts: str) -> Stack:
    """Return the stack with more facts of its LUKS header."""
    system = nested()
    system.headers["/dev/md127"] |= facts
    return describe("/", system)


@pytest.mark.parametrize(
    ("options", "facts", "needs"),
    [
        ("luks,key-slot=1", {"slots": "0 1"}, {}),
        ("luks,key-slot=7", {"slots": "0 1"}, {"key slot": Verdict.MISSING}),
        ("luks,key-slot=7", {}, {}),  # a description of before
        ("luks,read-only", {}, {"read-only": Verdict.UNKNOWN}),
    ],
)
def test_options_that_keep_a_volume_closed_or_read_only(
    options: str, facts: dict[str, str], needs: dict[str, Verdict]
) -> None:
    found = proved(image(f"crypt UUID=x none {options}"), with_header(**facts)).rows
    rows = {row.need: row.verdict for row in found if row.layer == CRYPT}
    assert {key: rows[key] for key in rows if key in ("key slot", "read-only")} == needs


def test_a_volume_whose_header_is_elsewhere_needs_its_name() -> None:
    system = nested()
    udev = "/run/udev/data/b9:127"
    system.texts[udev] = system.texts[udev].replace("E:ID_FS_TYPE=crypto_LUKS\n", "")
    stack = describe("/", system)
    rows = opening(image("crypt /dev/md127 none luks"), stack)
    assert (rows[0].need, rows[0].verdict) == ("header", Verdict.UNKNOWN)
    rows = opening(image("crypt /dev/md127 none luks,header=rel"), stack)
    assert (rows[0].need, rows[0].verdict) == ("header", Verdict.UNKNOWN)
    assert opening(image("crypt /dev/md127 none luks,header=/h", {"/h": File(header("3b1f"))}),
                   stack)[0].verdict is Verdict.OK  # fmt: skip


@pytest.mark.parametrize(
    ("options", "need"),
    [
        ("plain,cipher=aes-xts-plain64,size=512", None),
        ("plain,cipher=aes-cbc-essiv:sha256,size=512", "cipher"),
        ("plain,size=256", "key-size"),
        ("plain,size=512,offset=8", "offset"),
        ("plain,offset=0,skip=0", None),
        ("plain,skip=2", "skip"),
    ],
)
def test_plain_encryption_is_opened_as_it_is_now(options: str, need: str | None) -> None:
    system = FakeSystem()
    plain_dm(system)
    stack = describe("/", system)
    found = proved(image(f"root /dev/disk/by-id/virtio-disk none {options}"), stack).rows
    rows = [row for row in found if row.layer == "/dev/mapper/root (dm-crypt)"]
    bad = [row.need for row in rows if row.verdict is Verdict.MISSING and "line says" in row.reason]
    assert bad == ([need] if need else [])


def test_an_option_of_the_images_crypttab_that_is_not_understood_is_said() -> None:
    found = proved(image("crypt UUID=x none luks,nonesuch"), STACK).rows
    (row,) = [row for row in found if row.need == "crypttab"]
    assert row.verdict is Verdict.WARNING and "nonesuch" in row.reason
