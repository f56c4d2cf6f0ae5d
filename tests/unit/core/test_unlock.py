"""Unlocking with keys and headers from elsewhere, on the desk (R10-R14)."""

from typing import Any

import pytest
from desk import Desk, block, filesystem, luks, mapping, settings

from initpy.core.actions import Drop, Fetch, GiveWay, HandOver, Mount, ShowFailure, Withdraw
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.events import Enumerated, Fetched, JobEnded
from initpy.core.secret import Secret
from initpy.core.volumes import HeaderSpec, KeySpec, VolumeSpec

STICK = DeviceSpec(Naming.LABEL, "stick")
SOURCE = DeviceSpec(Naming.UUID, "u-1")
ON_STICK = KeySpec("/root.key", STICK)


def volume(**changes: Any) -> VolumeSpec:
    """A volume whose key is on a stick."""
    return VolumeSpec(SOURCE, "crypt", ON_STICK)._replace(**changes)


def desk_with(*volumes: VolumeSpec, **changes: Any) -> Desk:
    return Desk(settings(volumes=volumes, **changes))


def fetches(desk: Desk) -> list[Fetch]:
    return [each for _, each in desk.log if isinstance(each, Fetch)]


def read(desk: Desk, text: bytes = b"key") -> Secret:
    """The last thing asked for has been read."""
    secret = Secret(text)
    last = fetches(desk)[-1]
    desk.give(Fetched(last.job, last.number, secret))
    return secret


def unlocked(desk: Desk) -> None:
    desk.see(mapping("dm-0", "vda", "CRYPT-LUKS2-u1-crypt"))
    desk.end("luks-open@vda")


def test_r10_a_key_on_a_device_that_is_there_opens_without_asking() -> None:
    desk = desk_with(volume())
    desk.see(filesystem("sda", "stick"), luks("vda"))
    [fetch] = fetches(desk)
    assert (fetch.node, fetch.types, fetch.path) == ("/dev/sda", ("ext4",), "/root.key")
    assert desk.asked() == []
    secret = read(desk)
    [run] = desk.runs("luks-open@vda")
    assert run.secret is secret
    assert run.argv[-4:] == ("--key-file", "-", "/dev/vda", "crypt")
    unlocked(desk)
    assert desk.asked() == []
    assert secret.reveal() == b""  # R14
    assert "crypt: unlocked" in desk.reports()


def test_r11_a_key_device_plugged_in_at_the_prompt_unlocks_and_withdraws_it() -> None:
    desk = desk_with(volume())
    desk.see(luks("vda"))
    desk.wait(3)
    assert len(desk.asked()) == 1
    assert "/root.key on LABEL=stick" in desk.reports()
    desk.see(filesystem("sda", "stick"), at=15)
    read(desk)
    assert desk.actions(Withdraw) == []  # not before it has opened the volume
    unlocked(desk)
    [(_, withdrawn)] = desk.actions(Withdraw)
    assert "the key file /root.key on LABEL=stick" in str(withdrawn)


def test_r10_people_are_asked_for_the_volume_that_may_hold_the_key_of_another() -> None:
    keys = VolumeSpec(DeviceSpec(Naming.UUID, "u-2"), "keys")
    desk = Desk(settings(volumes=(volume(), keys)))
    desk.see(luks("vda"))
    assert desk.asked() == []  # the disk with its key may be the next one
    desk.see(luks("vdb", "u-2"))
    [prompt] = desk.asked()
    assert prompt.job == "luks-open@vdb"


def test_r11_a_wrong_key_is_said_and_the_prompt_stays() -> None:
    desk = desk_with(volume())
    desk.see(luks("vda"), filesystem("sda", "other"), at=1)
    desk.see(filesystem("sda", "stick"), at=15)
    read(desk)
    desk.end("luks-open@vda", status=2, error="No key available with this passphrase.")
    assert "LABEL=stick does not open it (No key available" in desk.reports()
    assert desk.actions(Withdraw) == []
    assert len(desk.asked()) == 1  # the same prompt: nothing that was typed is lost
    desk.answer("typed")
    unlocked(desk)
    assert "crypt: unlocked" in desk.reports()


def key_tool_killed() -> Desk:
    """The tool is killed that tries the key, while the prompt is up: it is tried again."""
    desk = desk_with(volume())
    desk.see(luks("vda"), filesystem("sda", "other"), at=1)
    desk.wait(4)
    desk.see(filesystem("sda", "stick"), at=15)
    read(desk)
    desk.end("luks-open@vda", status=-9)
    return desk


def test_r6_the_prompt_holds_the_clock_while_the_key_is_about_to_be_tried_again() -> None:
    desk = key_tool_killed()
    assert desk.nodes()[0].held != ()


def test_r12_what_is_typed_before_the_key_is_tried_again_is_not_lost() -> None:
    desk = key_tool_killed()
    desk.answer("typed")
    desk.wait(17)
    desk.end("luks-open@vda", status=2)  # the key is wrong
    typed = desk.runs("luks-open@vda")[-1].secret
    assert typed is not None
    assert typed.reveal() == b"typed"
    assert len(desk.asked()) == 1


def test_r11_the_right_stick_after_the_wrong_one() -> None:
    desk = desk_with(volume())
    desk.see(luks("vda"), filesystem("sda", "stick"))
    read(desk, b"wrong")
    desk.end("luks-open@vda", status=2)
    desk.see(filesystem("sda", "stick"))
    assert len(fetches(desk)) == 1  # once for each time it is plugged in
    desk.lose("sda")
    desk.see(filesystem("sda", "stick"), at=20)
    assert len(fetches(desk)) == 2
    read(desk, b"right")
    assert len(desk.runs("luks-open@vda")) == 2


def test_a_file_that_is_not_on_the_stick_is_said_and_people_are_asked() -> None:
    desk = desk_with(volume())
    desk.see(luks("vda"), filesystem("sda", "stick"))
    [fetch] = fetches(desk)
    desk.give(Fetched(fetch.job, fetch.number, None, "No such file or directory"))
    assert "LABEL=stick cannot be read: No such file or directory" in desk.reports()
    assert len(desk.asked()) == 1


def test_a_stick_that_hangs_delays_the_prompt_by_seconds() -> None:
    desk = desk_with(volume(), root_wait=10.0)
    desk.see(filesystem("sda", "stick"), luks("vda"))
    desk.wait(5)
    assert len(desk.asked()) == 1
    desk.wait(100)
    assert desk.actions(ShowFailure) == []  # R6: the prompt holds the clock


def test_what_is_typed_while_a_key_is_tried_is_not_lost() -> None:
    desk = desk_with(volume())
    desk.see(luks("vda"))
    desk.wait(3)
    desk.see(filesystem("sda", "stick"), at=15)
    read(desk)
    desk.answer("typed")
    assert len(desk.runs("luks-open@vda")) == 1
    desk.end("luks-open@vda", status=2)
    last = desk.runs("luks-open@vda")[-1]
    assert last.run == 2
    assert last.secret is not None
    assert bytes(last.secret.reveal()) == b"typed"


def test_r14_what_was_typed_in_vain_and_a_key_that_comes_late_are_wiped() -> None:
    desk = desk_with(volume())
    desk.see(luks("vda"))
    desk.wait(3)
    desk.see(filesystem("sda", "stick"), at=15)
    desk.answer("typed")
    unlocked(desk)
    assert desk.actions(Drop)
    assert read(desk).reveal() == b""


def test_r11_a_key_opens_what_people_gave_up() -> None:
    desk = desk_with(volume(tries=1))
    desk.see(luks("vda"))
    desk.wait(3)
    desk.answer("wrong")
    desk.end("luks-open@vda", status=2)
    assert len(desk.asked()) == 1
    desk.see(filesystem("sda", "stick"), at=15)
    read(desk, b"wrong too")
    desk.end("luks-open@vda", status=2)
    assert len(desk.asked()) == 1
    desk.lose("sda")
    desk.see(filesystem("sda", "stick"), at=30)
    read(desk)
    unlocked(desk)
    assert "crypt: unlocked" in desk.reports()


def test_a_key_device_that_does_not_come_in_its_time_is_said_once() -> None:
    desk = desk_with(volume(key=ON_STICK._replace(timeout=20.0)))
    desk.see(luks("vda"))
    desk.wait(60)
    assert desk.reports().count("has not come within its time") == 1
    assert len(desk.asked()) == 1


def test_r13_the_prompt_of_a_volume_that_may_hold_the_key_comes_first() -> None:
    """The key of the first volume is a file on the second one: no dead lock."""
    second = VolumeSpec(DeviceSpec(Naming.UUID, "u-2"), "vault")
    desk = desk_with(volume(), second)
    desk.give(Enumerated((luks("vda", "u-1"), luks("vdb", "u-2"))))
    desk.answer("")  # whichever was asked first: Enter leads to the other
    assert desk.asked()[-1].text.startswith("Passphrase for vault")
    desk.answer("sesame")
    desk.see(mapping("dm-1", "vdb", "CRYPT-LUKS2-u2-vault", ID_FS_TYPE="ext4",
                     ID_FS_LABEL_ENC="stick"))  # fmt: skip
    desk.end("luks-open@vdb")
    assert fetches(desk)[-1].node == "/dev/dm-1"


def test_a_container_with_the_name_of_the_stick_is_not_mounted() -> None:
    desk = desk_with(volume(key=KeySpec("/k", DeviceSpec(Naming.UUID, "u-2"))))
    desk.see(luks("vda"), luks("vdb", "u-2"))
    assert fetches(desk) == []


def test_a_part_of_a_device_is_a_key() -> None:
    desk = desk_with(volume(key=KeySpec("", STICK, (), 512, 64)))
    desk.see(luks("vda"), filesystem("sda", "stick"))
    [fetch] = fetches(desk)
    assert (fetch.types, fetch.path, fetch.offset, fetch.size) == ((), "", 512, 64)


def test_a_key_script_gets_the_key_field_and_its_output_is_the_key() -> None:
    desk = desk_with(volume(key=KeySpec("field", program="/bin/give")))
    desk.see(luks("vda"))
    [fetch] = fetches(desk)
    assert fetch.program == ("/bin/give", "field")
    assert ("CRYPTTAB_SOURCE", "/dev/vda") in fetch.environment
    read(desk)
    assert len(desk.runs("luks-open@vda")) == 1


def test_a_key_that_is_derived_is_asked_for_once_its_volume_is_open() -> None:
    """decrypt_derived of Debian's crypttab: before, its script would fail and people be asked."""
    source = DeviceSpec(Naming.PATH, "/dev/dm-0")
    desk = desk_with(volume(key=KeySpec("c", source, program="/bin/derive")))
    desk.see(luks("vda"))
    assert fetches(desk) == []
    desk.see(mapping("dm-0", "sdz", "CRYPT-LUKS2-c", ID_FS_TYPE="swap", ID_FS_USAGE="other"))
    [fetch] = fetches(desk)
    assert fetch.program == ("/bin/derive", "c")
    read(desk)
    assert len(desk.runs("luks-open@vda")) == 1


def test_a_key_file_of_cryptsetup_keys_d_is_used_for_a_volume_without_a_key() -> None:
    paths = {"luks-u-1": "/etc/cryptsetup-keys.d/luks-u-1.key"}
    desk = Desk(settings(key_files=paths))
    desk.see(luks("vda"))
    [run] = desk.runs("luks-open@vda")
    assert run.argv[-4:-2] == ("--key-file", "/etc/cryptsetup-keys.d/luks-u-1.key")


def test_the_empty_passphrase_is_a_line_of_its_own() -> None:
    desk = desk_with(volume(key=None, empty=True))
    desk.see(luks("vda"))
    [run] = desk.runs("luks-open@vda")
    assert "--key-file" not in run.argv
    assert run.secret is not None
    assert bytes(run.secret.reveal()) == b"\n"
    desk.end("luks-open@vda", status=2)
    assert len(desk.asked()) == 1


def test_nobody_is_asked_for_a_headless_volume_and_the_clock_runs() -> None:
    desk = desk_with(volume(headless=True), root_wait=30.0)
    desk.see(luks("vda"))
    desk.wait(40)
    assert desk.asked() == []
    assert len(desk.actions(ShowFailure)) == 1


HOME = VolumeSpec(DeviceSpec(Naming.UUID, "u-2"), "home", KeySpec("/etc/keys/home"), listed=True)
ABSENT = frozenset({"/etc/keys/home"})


def test_a_key_that_is_on_root_itself_is_neither_tried_nor_replaced_by_a_prompt() -> None:
    """R1: no word of crypttab says that the initramfs needs the volume."""
    desk = desk_with(volume(key=None), HOME, absent_keys=ABSENT)
    desk.see(luks("vdb", "u-2"), luks("vda"))
    desk.wait(60)
    assert [each.job for each in desk.asked()] == ["luks-open@vda"]
    assert desk.runs("luks-open@vdb") == []


def test_such_a_volume_does_not_keep_the_real_system_waiting() -> None:
    desk = desk_with(HOME, absent_keys=ABSENT, root_wait=30.0)
    desk.see(luks("vdb", "u-2"), filesystem("sda", "r-1"))
    desk.wait(20)
    assert desk.asked() == []


def test_it_is_asked_for_when_root_has_not_come_in_time() -> None:
    """R9: nothing else can lead to root any more."""
    desk = desk_with(HOME, absent_keys=ABSENT, root_wait=30.0)
    desk.see(luks("vdb", "u-2"))
    desk.wait(29)
    assert desk.asked() == []
    desk.wait(45)
    assert [each.job for each in desk.asked()] == ["luks-open@vdb"]
    assert desk.actions(ShowFailure) == []


@pytest.mark.parametrize("change", [{"listed": False}, {"key": KeySpec("/etc/keys/there")}])
def test_a_volume_that_root_needs_or_whose_key_is_there_is_opened_as_before(
    change: dict[str, Any],
) -> None:
    desk = desk_with(HOME._replace(**change), absent_keys=ABSENT)
    desk.see(luks("vdb", "u-2"))
    assert desk.asked() or desk.runs("luks-open@vdb")


def test_a_named_key_that_the_image_lacks_is_said_once() -> None:
    """R23: rd.luks.key=/PATH of dracut means a file on any device, here one of the image."""
    desk = desk_with(HOME._replace(listed=False), HOME._replace(source=STICK), absent_keys=ABSENT)
    desk.see(luks("vdb", "u-2"))
    desk.wait(5)
    assert desk.asked()
    assert desk.reports().count("home: the key file /etc/keys/home is not in the image") == 1


def test_people_have_the_time_that_crypttab_gives_them() -> None:
    desk = desk_with(volume(key=None, timeout=20.0), root_wait=30.0)
    desk.see(luks("vda"))
    desk.wait(19)
    assert desk.actions(Withdraw) == []
    desk.wait(60)
    assert len(desk.actions(Withdraw)) == 1
    assert "no passphrase was typed within 20 s" in str(desk.actions(ShowFailure)[0][1])


def raw(name: str) -> Any:
    """A device whose bytes look like nothing, named by its PARTUUID."""
    return block(name, ID_PART_ENTRY_UUID="p-1")


DATA = DeviceSpec(Naming.PARTUUID, "p-1")


def test_a_detached_header_in_the_image() -> None:
    detached = VolumeSpec(DATA, "crypt", header=HeaderSpec("/root.header"))
    desk = desk_with(detached)
    desk.see(raw("vda"))
    desk.answer("sesame")
    [run] = desk.runs("luks-open@vda")
    assert run.argv[-3:] == ("--header=/root.header", "/dev/vda", "crypt")


def test_a_detached_header_on_a_device_is_waited_for_without_a_prompt_or_a_hold() -> None:
    detached = VolumeSpec(DATA, "crypt", header=HeaderSpec("/root.header", STICK))
    desk = desk_with(detached, root_wait=30.0)
    desk.see(raw("vda"))
    desk.wait(40)
    assert desk.asked() == []
    assert "its header /root.header on LABEL=stick: its device is not there" in str(
        desk.actions(ShowFailure)[0][1]
    )
    desk.see(filesystem("sda", "stick"), at=50)
    [fetch] = fetches(desk)
    assert (fetch.path, fetch.keep) == ("/root.header", "/run/initpy/headers/crypt")
    desk.give(Fetched(fetch.job, fetch.number))
    desk.answer("sesame")
    [run] = desk.runs("luks-open@vda")
    assert "--header=/run/initpy/headers/crypt" in run.argv
    unlocked(desk)
    assert [each for _, each in desk.actions(Drop)] == [Drop(fetch.job, fetch.number)]


def test_a_device_that_is_a_header_is_not_asked_about_itself() -> None:
    header = HeaderSpec("", DeviceSpec(Naming.UUID, "u-9"))
    desk = desk_with(VolumeSpec(DATA, "crypt", header=header))
    desk.see(luks("vdb", "u-9"), raw("vda"))
    assert [each.text for each in desk.asked()] == ["Passphrase for crypt (/dev/vda): "]
    desk.answer("sesame")
    [run] = desk.runs("luks-open@vda")
    assert "--header=/dev/vdb" in run.argv


def test_a_named_volume_without_its_header_does_not_keep_the_real_system_waiting() -> None:
    desk = desk_with(VolumeSpec(DATA, "crypt", header=HeaderSpec("/h", STICK)))
    desk.see(raw("vda"), filesystem("vdc"))
    desk.mount("/dev/vdc")
    assert len(desk.actions(HandOver)) == 1


def test_a_plain_volume_hashes_what_is_typed_but_no_key() -> None:
    plain = VolumeSpec(DATA, "crypt", KeySpec("/k", STICK), ("--cipher=x", "--hash=sha256"),
                       kind="plain")  # fmt: skip
    desk = desk_with(plain)
    desk.see(raw("vda"), filesystem("sda", "stick"))
    read(desk)
    [run] = desk.runs("luks-open@vda")
    assert run.argv[2:4] == ("--type", "plain")
    assert run.argv.count("plain") == 2  # --hash plain, and it counts
    assert not [each for each in run.argv if each.startswith("--hash=")]


def luks2(name: str) -> Any:
    return luks(name)._replace(properties={**luks(name).properties, "ID_FS_VERSION": "2"})


def test_a_header_that_could_not_be_read_is_checked_again_when_udev_tells_of_its_volume() -> None:
    """R2: the disk was away, and the events of that were lost."""
    desk = Desk()
    for time in range(1, 8):
        desk.see(luks2("vda"), at=time)
        check = fetches(desk)[-1]
        desk.give(Fetched(check.job, check.number, error="No such file or directory"))
    assert len(fetches(desk)) == 4  # not for ever

    desk = Desk()
    desk.see(luks2("vda"))
    desk.give(Fetched("luks-open@vda", fetches(desk)[0].number, error="No such device"))
    desk.see(luks2("vda"), at=9)
    desk.give(Fetched("luks-open@vda", fetches(desk)[1].number))
    desk.answer("sesame")
    assert len(desk.runs("luks-open@vda")) == 1


def test_a_luks2_header_is_checked_while_people_are_asked() -> None:
    desk = Desk()
    desk.see(luks2("vda"))
    [check] = fetches(desk)
    assert (check.check, check.node) == (True, "/dev/vda")
    desk.answer("sesame")
    assert desk.runs("luks-open@vda") == []
    desk.give(Fetched(check.job, check.number))
    [run] = desk.runs("luks-open@vda")
    assert not [each for each in run.argv if each.startswith("--header")]


def test_cryptsetup_gets_a_copy_of_the_header_that_is_whole_and_the_device_is_not_written() -> None:
    desk = Desk()
    desk.see(luks2("vda"))
    [check] = fetches(desk)
    desk.give(Fetched(check.job, check.number, path=check.keep))
    desk.answer("sesame")
    assert f"--header={check.keep}" in desk.runs("luks-open@vda")[0].argv
    assert "one of the two LUKS2 headers on /dev/vda is damaged" in desk.reports()


def test_a_volume_whose_header_is_damaged_is_named_and_nobody_is_asked() -> None:
    desk = Desk(settings(root_wait=20.0))
    desk.see(luks2("vda"))
    [check] = fetches(desk)
    desk.give(Fetched(check.job, check.number, error="both copies of it are damaged"))
    assert len(desk.actions(Withdraw)) == 1
    desk.wait(40)
    assert desk.runs("luks-open@vda") == []
    assert "its LUKS2 header: both copies of it are damaged" in str(desk.actions(ShowFailure)[0][1])


def test_r12_the_next_prompt_waits_for_an_answer_that_has_not_been_tried_yet() -> None:
    desk = Desk()
    desk.see(luks2("vda"), luks("vdb", "u-2"))
    desk.answer("perhaps for both")
    assert len(desk.asked()) == 1
    desk.give(Fetched("luks-open@vda", fetches(desk)[0].number))
    unlocked(desk)
    assert len(desk.runs("luks-open@vdb")) == 1


def late_keeper() -> Desk:
    """People are asked for a volume whose key is missing when the one that may hold it comes."""
    keys = VolumeSpec(DeviceSpec(Naming.UUID, "u-2"), "keys")
    desk = Desk(settings(volumes=(volume(), keys)))
    desk.see(luks("vda"))
    desk.wait(10)
    assert desk.asked()[-1].job == "luks-open@vda"
    desk.see(luks("vdb", "u-2"))
    return desk


def test_r10_the_prompt_gives_way_to_that_of_a_volume_that_may_hold_the_key() -> None:
    desk = late_keeper()
    [(_, way)] = desk.actions(GiveWay)
    assert way == GiveWay("luks-open@vda", "keys is locked, too, and may hold the key of crypt")
    assert len(desk.asked()) == 1  # until it is known that nobody has begun to type
    desk.answer("")
    assert desk.asked()[-1].job == "luks-open@vdb"
    assert len(desk.actions(GiveWay)) == 1


def test_r12_a_prompt_at_which_somebody_types_is_told_of_the_other_once() -> None:
    desk = late_keeper()
    desk.wait(60)
    desk.see(block("vdz"), luks("vdb", "u-2", on=("vdz",)))
    assert len(desk.actions(GiveWay)) == 1
    desk.answer("guess")
    desk.end("luks-open@vda", status=2)
    assert desk.asked()[-1].job == "luks-open@vdb"


def test_r12_volumes_that_wait_for_people_alone_keep_their_turns() -> None:
    both = [VolumeSpec(DeviceSpec(Naming.UUID, f"u-{each}"), f"c{each}") for each in (1, 2)]
    desk = Desk(settings(volumes=tuple(both)))
    desk.see(luks("vda"))
    desk.wait(10)
    desk.see(luks("vdb", "u-2"))
    assert desk.actions(GiveWay) == []
    assert desk.asked()[-1].job == "luks-open@vda"


def test_r1_nothing_is_asked_for_while_root_is_there_and_does_not_need_it() -> None:
    desk = desk_with()
    desk.see(luks("vda", uuid="u-9"))
    assert [each.job for each in desk.asked()] == ["luks-open@vda"]
    desk.see(filesystem("vdb"))
    [(_, withdraw)] = desk.actions(Withdraw)
    assert isinstance(withdraw, Withdraw)
    assert withdraw.reason == "root is there, on vdb"
    desk.see(luks("vdc", uuid="u-8"))
    assert len(desk.asked()) == 1
    for _ in range(5):  # root cannot be mounted: it may be on one of them
        mount = next(each for _, each in reversed(desk.log) if isinstance(each, Mount))
        desk.give(JobEnded(mount.job, mount.run, 5))
        desk.wait(desk.now + 30)
    assert len(desk.asked()) > 1


def test_r1_a_named_volume_is_asked_for_although_root_is_there() -> None:
    desk = desk_with(volume(key=None))
    desk.see(filesystem("vdb"), luks("vda"))
    assert [each.job for each in desk.asked()] == ["luks-open@vda"]


def test_a_line_with_a_path_counts_where_the_device_has_the_uuid_too() -> None:
    path = VolumeSpec(DeviceSpec(Naming.PATH, "/dev/vda"), "line", KeySpec("/key"), also=SOURCE)
    desk = desk_with(path, VolumeSpec(SOURCE, "luks-u-1"))
    desk.see(luks("vda", uuid="u-2"))
    assert desk.runs("luks-open@vda") == []
    desk = desk_with(path, VolumeSpec(SOURCE, "luks-u-1"))
    desk.see(luks("vda"))
    assert desk.runs("luks-open@vda")[0].argv[-1] == "line"
    desk = desk_with(path, VolumeSpec(SOURCE, "luks-u-1"))
    desk.see(luks("vdb"))
    assert [each.text for each in desk.asked()] == ["Passphrase for luks-u-1 (/dev/vdb): "]


def test_a_volume_for_the_changes_to_root_does_not_make_others_unwanted() -> None:
    desk = desk_with(VolumeSpec(SOURCE, "overlay-crypt", beside=True))
    desk.see(luks("vda"), luks("vdb", uuid="u-2"))
    desk.answer("secret")
    assert [each.job for each in desk.asked()] == ["luks-open@vda"]
    unlocked(desk)
    assert desk.runs("luks-open@vdb")


def test_r1_a_volume_that_only_crypttab_lists_waits_for_root_to_fail() -> None:
    desk = desk_with(volume(key=None, listed=True))
    desk.see(filesystem("vdb"), luks("vda"))
    assert desk.asked() == []


def test_r10_a_clone_of_an_open_volume_is_left_alone() -> None:
    desk = Desk(settings(volumes=(VolumeSpec(SOURCE, "crypt", KeySpec("/etc/key")),)))
    desk.see(luks("vda"), luks("vdb"))
    for fetch in fetches(desk):
        desk.give(Fetched(fetch.job, fetch.number, Secret(b"key")))
    assert len(desk.runs("luks-open@vda")) == 1
    assert desk.runs("luks-open@vdb") == []  # it has the same name, and waits
    mapped = mapping("dm-0", "vda", "CRYPT-LUKS2-u1-crypt")
    desk.see(mapped._replace(properties={**mapped.properties, "DM_NAME": "crypt"}))
    desk.end("luks-open@vda")
    desk.wait(20.0)
    assert desk.runs("luks-open@vdb") == []
    assert desk.asked() == []


def test_r10_a_clone_is_opened_where_the_other_one_fails() -> None:
    desk = Desk(settings(volumes=(VolumeSpec(SOURCE, "crypt"),)))
    desk.see(luks("vda"), luks("vdb"))
    for each in ("vda", "vdb", "vda"):
        assert desk.asked()[-1].job == f"luks-open@{each}"
        desk.answer("typed")
        desk.end(f"luks-open@{each}", 2)
    assert len(desk.runs("luks-open@vdb")) == 1
