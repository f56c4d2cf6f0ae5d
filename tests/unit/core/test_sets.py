"""Sets of parts and lists, with the job file of ZFS as the example (R4, R5, R7)."""

from typing import Any

import pytest
from desk import JOBS, Desk, block, luks

from initpy.config.jobs import load_job_file
from initpy.config.settings import read_settings
from initpy.core.actions import Ask, HandOver, KeepExitrd, Mount, ShowFailure
from initpy.core.devices.graph import Device
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.events import DeviceRemoved, JobEnded, Mounted
from initpy.core.settings import Degraded, ExtraMount

ZFS = load_job_file(JOBS / "extra/zfs.toml").jobs
SET, ROOT = "zfs-pool/77", "zfs-dataset/rpool/ROOT/debian"
EXAMINE, ACTIVE = f"zfs-examine@{SET}", f"zfs-imported@{SET}"
IMPORT, DEGRADED, LIST = (
    f"{name}@{SET}" for name in ("zfs-import", "zfs-import-degraded", "zfs-datasets")
)
WHOLE = "   pool: rpool\n     id: 77\n  state: ONLINE\n"
LACKING = "  state: DEGRADED\n\trpool  DEGRADED\n\t  vda  ONLINE\n\t  1234  UNAVAIL\n"
# As zpool 2.1 prints it, of pools with a disk removed that has nothing but the log, or a cache.
LOG_LOST = """   pool: rpool
     id: 77
  state: UNAVAIL
status: One or more devices are missing from the system.
 action: The pool cannot be imported. Attach the missing
\tdevices and try again.
 config:

\trpool       UNAVAIL  missing device
\t  virtio-b  ONLINE
\tlogs\t
{lost}
\tAdditional devices are known to be part of this pool, though their
\texact configuration cannot be determined.
"""
ONE_LOG = "\t  virtio-c  UNAVAIL\n"
TWO_LOGS = (
    "\t  mirror-1                UNAVAIL  insufficient replicas\n\t    virtio-d  UNAVAIL\n"
    "\t    13012746765656935608  UNAVAIL\n"
)
CACHE_LOST = """   pool: rpool
     id: 77
  state: ONLINE
status: One or more devices contains corrupted data.
 action: The pool can be imported using its name or numeric identifier.
 config:

\trpool       ONLINE
\t  virtio-d  ONLINE
\tcache
\t  virtio-e
"""
IMPORTED = "other\t78\t-\nrpool\t77\trpool/ROOT/debian\n"
OPEN = "rpool\t-\t-\ton\tnone\nrpool/ROOT/debian\t-\t-\tnoauto\t/\n"
LOCKED = "rpool/ROOT/debian\tunavailable\trpool/ROOT\tnoauto\t/\n"


def part(name: str, guid: str = "77", pool: str = "rpool", on: tuple[str, ...] = ()) -> Device:
    return block(name, on, ID_FS_TYPE="zfs_member", ID_FS_UUID=guid, ID_FS_LABEL=pool)


def desk_for(cmdline: str = "root=ZFS=rpool/ROOT/debian rw", **changes: Any) -> Desk:
    """A desk whose driver of ZFS is loaded."""
    settings, problems = read_settings(cmdline, jobs=ZFS)
    assert not problems
    return Desk(settings._replace(**changes), also=ZFS)


def loaded(desk: Desk) -> Desk:
    desk.end("zfs-module")
    desk.end(ACTIVE, 0, "other\t78\t-\n")
    return desk


def imported(desk: Desk) -> None:
    desk.end(IMPORT)
    desk.end(ACTIVE, 0, IMPORTED)


def mounts(desk: Desk) -> list[tuple[str, str, tuple[str, ...]]]:
    found = [each for _, each in desk.log if isinstance(each, Mount)]
    return [(each.source, each.target, each.types) for each in found]


def test_a_whole_pool_is_imported_by_its_guid_and_its_dataset_mounted() -> None:
    desk = desk_for()
    desk.see(part("vda"))
    assert not desk.runs(EXAMINE)  # without the driver nothing is known
    loaded(desk).end(EXAMINE, 0, WHOLE)
    [run] = desk.runs(IMPORT)
    assert run.argv == ("zpool", "import", "-N", "-d", "/dev/vda", "77")
    assert run.subject is None  # no device that the runtime could look at again
    imported(desk)
    desk.end(LIST, 0, OPEN)
    assert mounts(desk) == [("rpool/ROOT/debian", "/sysroot", ("zfs",))]


def test_all_parts_are_given_by_the_paths_that_stay() -> None:
    desk = desk_for()
    first = part("vda")._replace(links=frozenset(("/dev/disk/by-id/one", "/dev/disk/by-uuid/77")))
    desk.see(first, part("vdb"))
    loaded(desk)
    assert desk.runs(EXAMINE)[-1].argv[2:] == ("-d", "/dev/disk/by-id/one", "-d", "/dev/vdb")


def test_the_pool_of_root_is_exported_at_shutdown() -> None:
    desk = desk_for()
    desk.see(part("vda"))
    loaded(desk).end(EXAMINE, 0, WHOLE)
    imported(desk)
    desk.end(LIST, 0, OPEN)
    desk.mount("rpool/ROOT/debian")
    assert desk.actions(HandOver)
    [kept] = [each for _, each in desk.log if isinstance(each, KeepExitrd)]
    assert [each.run for each in kept.layers] == [("zpool", "export", "{name}")]


def test_a_volume_of_a_pool_is_root_by_its_path_and_the_pool_is_exported() -> None:
    desk = desk_for("root=/dev/zvol/rpool/vol")
    desk.see(part("vda"), part("vdb", "78", "data"))
    assert not desk.runs("zfs-examine@zfs-pool/78")
    loaded(desk).end(EXAMINE, 0, WHOLE)
    assert desk.runs(IMPORT)
    imported(desk)
    desk.end(LIST, 0, OPEN)
    volume = block("zd0", ID_FS_TYPE="ext4", ID_FS_USAGE="filesystem")
    desk.see(volume._replace(links=frozenset(("/dev/zvol/rpool/vol",))))
    desk.end("fsck-ext@zd0")
    desk.mount("/dev/zd0")
    [kept] = [each for _, each in desk.log if isinstance(each, KeepExitrd)]
    assert [each.run for each in kept.layers] == [("zpool", "export", "{name}")]


def test_a_volume_that_the_roots_fstab_wants_has_its_pool_imported() -> None:
    desk = desk_for("root=LABEL=root rw")
    desk.see(part("vda"), block("vdb", ID_FS_TYPE="xfs", ID_FS_LABEL_ENC="root"))
    assert not desk.runs("zfs-module")
    usr = ExtraMount("/usr", DeviceSpec(Naming.PATH, "/dev/zvol/rpool/usr"), ("ext4",))
    [mount] = [each for _, each in desk.log if isinstance(each, Mount)]
    desk.give(JobEnded(mount.job, mount.run, 0))
    desk.give(Mounted("/sysroot", "/dev/vdb", (usr,)))
    loaded(desk).end(EXAMINE, 0, WHOLE)
    assert desk.runs(IMPORT)
    assert not desk.actions(HandOver)


def test_a_root_beside_the_pool_needs_no_way_to_export_it() -> None:
    desk = desk_for("root=LABEL=root")
    desk.see(part("vda"), block("vdb", ID_FS_TYPE="xfs", ID_FS_LABEL_ENC="root"))
    desk.mount("/dev/vdb")
    assert desk.actions(HandOver) and not desk.actions(KeepExitrd)


def test_another_pool_is_left_alone() -> None:
    desk = desk_for()
    desk.see(part("vda", "78", "data"))
    desk.end("zfs-module")
    assert not desk.runs("zfs-examine@zfs-pool/78")


def test_without_a_root_on_zfs_not_even_the_driver_is_loaded() -> None:
    desk = desk_for("root=LABEL=root")
    desk.see(part("vda"))
    assert not desk.runs("zfs-module")


def test_the_pool_is_also_named_by_its_guid() -> None:
    desk = desk_for("root=ZFS=77/ROOT/debian")
    desk.see(part("vda"))
    loaded(desk).end(EXAMINE, 0, WHOLE)
    imported(desk)
    desk.end(LIST, 0, OPEN)
    assert mounts(desk)[0][0] == "rpool/ROOT/debian"


DATASET = "rpool/ROOT/debian"


# As zfs-dracut, zfs-initramfs and Arch's hook document them.
@pytest.mark.parametrize(
    "words",
    [
        "root=zfs:AUTO", "root=zfs", "root=ZFS", "root=zfs:", "root=ZFS=", "root=ZFS=AUTO",
        "root=zfs:AUTO boot=zfs", f"root=ZFS={DATASET} boot=zfs",
        f"root=ZFS={DATASET}", f"root=zfs:{DATASET}", f"root=zfs:ZFS={DATASET}",
        "rootfstype=zfs", f"rootfstype=zfs root={DATASET}", f"root={DATASET} rootfstype=zfs",
        "boot=zfs", f"boot=zfs root={DATASET}", "boot=zfs rpool=rpool", "rpool=rpool", "rpool=77",
        f"boot=zfs rpool=rpool bootfs={DATASET}", f"bootfs={DATASET} rpool=other boot=zfs",
        f"-B zfs-bootfs={DATASET}", "zfs=bootfs", f"zfs={DATASET}",
        f"root=ZFS={DATASET} rpool=other bootfs=other/dataset zfs=other/dataset",
    ],
)  # fmt: skip
def test_each_documented_way_to_name_root(words: str) -> None:
    desk = desk_for(words)
    desk.see(part("vda"))
    loaded(desk).end(EXAMINE, 0, WHOLE)
    imported(desk)
    desk.end(LIST, 0, OPEN)
    assert mounts(desk)[0][0] == "rpool/ROOT/debian"


@pytest.mark.parametrize("words", ["bootfs=", "rpool= boot=zfz", "zfs"])
def test_a_parameter_without_a_name_has_no_other_root_looked_for(words: str) -> None:
    settings, problems = read_settings(words, jobs=ZFS)
    assert settings.root is None
    assert [str(each) for each in problems if ": expected " in str(each)]


def test_a_lacking_pool_waits_for_its_own_deadline() -> None:
    desk = desk_for("root=ZFS=rpool/ROOT/debian rd.zfs.timeout=7")
    desk.see(part("vda"))
    loaded(desk).end(EXAMINE, 0, LACKING)
    desk.wait(6)
    assert not desk.runs(DEGRADED)
    desk.wait(8)
    assert desk.runs(DEGRADED)
    assert "lacks 1234" in desk.reports()


def test_a_part_that_comes_is_asked_about_before_anything_is_imported() -> None:
    desk = desk_for("root=ZFS=rpool/ROOT/debian rd.zfs.timeout=7")
    desk.see(part("vda"))
    loaded(desk).end(EXAMINE, 0, LACKING)
    desk.see(part("vdb"), at=6.9)
    assert len(desk.runs(EXAMINE)) == 2
    desk.wait(20)  # zpool takes its time
    assert not desk.runs(DEGRADED)
    desk.end(EXAMINE, 0, WHOLE)
    assert not desk.runs(DEGRADED)
    assert len(desk.runs(IMPORT)) == 1


def test_a_locked_volume_may_be_the_missing_part() -> None:
    desk = desk_for("root=ZFS=rpool/ROOT/debian rd.zfs.timeout=2")
    desk.see(part("vda"), luks("vdb"))
    loaded(desk).end(EXAMINE, 0, LACKING)
    desk.wait(60)
    assert not desk.runs(DEGRADED)


@pytest.mark.parametrize("policy", [Degraded.NO, Degraded.ASK])
def test_the_policy_for_starts_without_parts_counts(policy: Degraded) -> None:
    desk = desk_for("root=ZFS=rpool/ROOT/debian rd.zfs.timeout=2", md_degraded=policy)
    desk.see(part("vda"))
    loaded(desk).end(EXAMINE, 0, LACKING)
    desk.wait(5)
    assert not desk.runs(DEGRADED)
    assert bool(desk.asked()) is (policy is Degraded.ASK)


def test_a_pool_that_cannot_be_imported_is_left_alone() -> None:
    desk = desk_for()
    desk.see(part("vda"))
    loaded(desk).end(EXAMINE, 0, LACKING.replace("DEGRADED", "UNAVAIL"))
    desk.wait(200)
    assert not desk.runs(IMPORT)
    assert not desk.runs(DEGRADED)


@pytest.mark.parametrize("lost", [ONE_LOG, TWO_LOGS])
@pytest.mark.parametrize("said", [False, True])
def test_a_pool_without_its_log_is_imported_only_if_the_user_says_so(lost: str, said: bool) -> None:
    without = f"zfs-import-without-log@{SET}"
    desk = desk_for("root=ZFS=rpool/ROOT/debian" + " zfs_missing_log=1" * said)
    desk.see(part("vdb"))
    loaded(desk).end(EXAMINE, 0, LOG_LOST.format(lost=lost))
    desk.wait(29)
    assert not desk.runs(without)
    desk.wait(31)
    [run] = desk.runs(without)
    assert ("-m" in run.argv) is said
    assert not desk.runs(IMPORT) and not desk.runs(DEGRADED)
    if not said:
        complaint = "cannot import 'rpool': one or more devices is currently unavailable"
        desk.give(JobEnded(without, run.run, 1, "", complaint, complaint))
        desk.wait(200)
        assert "zpool import -N -m 77" in str(desk.log)


def test_a_pool_that_lacks_more_than_its_log_is_not_imported() -> None:
    desk = desk_for("root=ZFS=rpool/ROOT/debian zfs_missing_log=1")
    desk.see(part("vdb"))
    text = LOG_LOST.format(lost=ONE_LOG).replace("virtio-b  ONLINE", "virtio-b  UNAVAIL")
    loaded(desk).end(EXAMINE, 0, text)
    desk.wait(200)
    assert not desk.runs(f"zfs-import-without-log@{SET}")


def test_a_pool_does_not_wait_for_its_cache() -> None:
    desk = desk_for()
    desk.see(part("vdd"))
    loaded(desk).end(EXAMINE, 0, CACHE_LOST)
    assert desk.runs(IMPORT)


def test_a_part_that_is_wiped_or_gone_is_a_part_no_more() -> None:
    desk = desk_for()
    desk.see(part("vda"), part("vdb"))
    loaded(desk)
    desk.see(block("vdb"))
    desk.end(EXAMINE, 0, LACKING)
    assert desk.runs(EXAMINE)[-1].argv[2:] == ("-d", "/dev/vda")
    desk.end(EXAMINE, 0, LACKING)
    desk.lose("vda")
    assert not any(each.label.startswith("rpool") for each in desk.nodes())


def test_the_runtime_knows_no_set_and_cannot_take_one_away() -> None:
    desk = desk_for()
    desk.see(part("vda"))
    loaded(desk).end(EXAMINE, 0, WHOLE)
    desk.give(DeviceRemoved(SET))
    assert len(desk.runs(IMPORT)) == 1
    imported(desk)
    assert desk.runs(LIST)


def test_force_is_passed_on() -> None:
    desk = desk_for("root=ZFS=rpool/ROOT/debian zfs_force=1 zfsforce=1")
    desk.see(part("vda"))
    loaded(desk).end(EXAMINE, 0, WHOLE)
    assert desk.runs(IMPORT)[0].argv.count("-f") == 1


def test_the_screen_says_how_to_take_over_a_foreign_pool() -> None:
    desk = desk_for("root=ZFS=rpool/ROOT/debian rd.timeout=5")
    desk.see(part("vda"))
    loaded(desk).end(EXAMINE, 0, WHOLE)
    complaint = "cannot import 'rpool': pool was previously in use from another system."
    for _ in range(2):
        run = desk.runs(IMPORT)[-1]
        desk.give(JobEnded(IMPORT, run.run, 1, "", "use -f", f"{complaint}\nuse -f"))
        desk.wait(desk.now + 2)
    desk.wait(30)
    shown = str(desk.log)
    assert complaint.rstrip(".") in shown
    assert "zpool import -N -f 77" in shown


def test_a_new_engine_finds_the_pool_imported() -> None:
    desk = desk_for()
    desk.see(part("vda"))
    desk.end("zfs-module")
    desk.end(ACTIVE, 0, IMPORTED)
    desk.end(EXAMINE, 1)
    desk.end(LIST, 0, OPEN)
    assert not desk.runs(IMPORT)
    assert mounts(desk)[0][0] == "rpool/ROOT/debian"


def test_datasets_below_root_are_mounted_and_others_are_not() -> None:
    desk = desk_for()
    desk.see(part("vda"))
    loaded(desk).end(EXAMINE, 0, WHOLE)
    imported(desk)
    more = (
        "rpool/ROOT/debian/var\t-\t-\ton\t/var\nrpool/ROOT/debian/off\t-\t-\toff\t/off\n"
        "rpool/ROOT/debian/old\t-\t-\ton\tlegacy\nrpool/home\t-\t-\ton\t/home\n"
    )
    desk.end(LIST, 0, OPEN + more)
    desk.mount("rpool/ROOT/debian")
    assert mounts(desk)[1:] == [("rpool/ROOT/debian/var", "/sysroot/var", ("zfs",))]


def test_a_new_engine_mounts_them_too_before_it_hands_over() -> None:
    desk = desk_for()
    desk.give(Mounted("/sysroot", "rpool/ROOT/debian"))
    desk.see(part("vda"))
    desk.end("zfs-module")
    assert not desk.actions(HandOver)
    desk.end(ACTIVE, 0, IMPORTED)
    desk.end(EXAMINE, 1)
    desk.end(LIST, 0, OPEN + "rpool/ROOT/debian/var\t-\t-\ton\t/var\n")
    assert mounts(desk) == [("rpool/ROOT/debian/var", "/sysroot/var", ("zfs",))]
    assert not desk.actions(HandOver)


def locked_desk(location: str) -> Desk:
    desk = desk_for()
    desk.see(part("vda"))
    loaded(desk).end(EXAMINE, 0, WHOLE)
    imported(desk)
    desk.end(LIST, 0, LOCKED)
    desk.end(f"zfs-key-location@{ROOT}", 0, f"{location}\n")
    return desk


def test_a_passphrase_is_asked_for_and_asked_again() -> None:
    desk, job = locked_desk("prompt"), f"zfs-unlock@{ROOT}"
    assert not mounts(desk)
    assert "rpool/ROOT/debian" in desk.asked()[0].text
    desk.answer("wrong")
    [run] = desk.runs(job)
    assert run.argv == ("zfs", "load-key", "-L", "prompt", "rpool/ROOT")
    assert run.secret is not None
    desk.end(job, 255, error="Key load error: Incorrect key provided for 'rpool/ROOT'.")
    assert len(desk.actions(Ask)) == 2
    desk.answer("right")
    desk.end(job)
    assert len(desk.runs(LIST)) == 2
    desk.end(LIST, 0, LOCKED.replace("unavailable", "available"))
    assert mounts(desk)[0][0] == "rpool/ROOT/debian"


def test_a_key_file_is_used_without_a_prompt() -> None:
    desk = locked_desk("file:///etc/zfs/keys/a")
    desk.end(f"zfs-key-file@{ROOT}")
    desk.end(LIST, 0, LOCKED.replace("unavailable", "available"))
    assert mounts(desk)[0][0] == "rpool/ROOT/debian"
    assert not desk.asked()


def test_the_tree_shows_what_was_found_out_and_each_job_once() -> None:
    desk = desk_for()
    desk.see(part("vda"))
    loaded(desk).end(EXAMINE, 0, LACKING.replace("DEGRADED", "UNAVAIL"))
    [pool] = [each for each in desk.nodes() if each.label == "rpool"]
    assert "ZPOOL_STATE UNAVAIL" in pool.reason
    assert not pool.doubtful
    desk.see(part("vdb"))
    running = [each for each in desk.nodes() if "which disks" in each.label]
    assert len(running) == 1


def test_root_waits_for_an_import_that_takes_long_but_not_for_ever() -> None:
    """R6: zpool may have to finish what a crash has left."""
    desk = desk_for("root=ZFS=rpool/ROOT/debian rd.timeout=5")
    desk.see(part("vda"))
    loaded(desk).end(EXAMINE, 0, WHOLE)
    desk.wait(500)
    assert not desk.actions(ShowFailure)
    desk.wait(700)  # without progress for ten minutes it holds nothing
    assert desk.actions(ShowFailure)
    imported(desk)
    desk.end(LIST, 0, OPEN)
    assert mounts(desk)[0][0] == "rpool/ROOT/debian"
