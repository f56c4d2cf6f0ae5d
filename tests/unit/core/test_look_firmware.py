"""Volumes in DDF containers of another host: looked into read-only, without mdmon (R9)."""

from desk import Desk, array, block, settings

from initpy.core.actions import Record, Write
from initpy.core.devices.graph import Device
from initpy.core.settings import Settings

QUICK = settings(md_timeout=8.0)
# libblkid's word for the GUID of each container that mdadm has made.
NO_UUID = "Linux-MD"
ROOT = {"ID_FS_TYPE": "ext4", "ID_FS_USAGE": "filesystem", "ID_FS_LABEL_ENC": "root"}
OTHER = {**ROOT, "ID_FS_LABEL_ENC": "other"}


def disk(name: str = "vda", kind: str = "ddf") -> Device:
    return block(name, ID_FS_TYPE=f"{kind}_raid_member", ID_FS_USAGE="raid", ID_FS_UUID=NO_UUID)


def container(name: str = "md127", on: str = "vda", kind: str = "ddf", **known: str) -> Device:
    return array(name, (on,), "inactive", md__metadata_version=f"external:{kind}",
                 MD_UUID=f"box:{name}", **known)  # fmt: skip


def volume(
    number: int = 0, state: str = "inactive", box: str = "md127", on: str = "vda", **known: str
) -> Device:
    version = {"md__metadata_version": f"external:/{box}/{number}"}
    return array(f"md{126 - number}", (on,), state, **{**version, **known})


def box_of(names: tuple[str, ...], asked: Settings = QUICK) -> Desk:
    """An incomplete container with volumes, to which mdadm gives these names."""
    desk = Desk(asked)
    desk.see(disk(), container(), *(volume(number) for number, _ in enumerate(names)))
    desk.end("md-ddf-disk@vda", output="MD_DEVICE=md127\nMD_FOREIGN=no\nMD_STARTED=unsafe\n")
    desk.wait(2)
    for number, name in enumerate(names):
        desk.end(f"md-volume-examine@md{126 - number}", output=f"MD_DEVNAME={name}\n")
    return desk


def test_a_volume_whose_name_mdadm_does_not_trust_is_looked_into() -> None:
    for name in ("data_0", "data_12", "theirs:data"):
        desk = box_of((name,))
        desk.wait(20)
        assert len(desk.writes("md-look@md126")) == 1, name
        assert desk.runs("md-start@md126") == desk.runs("md-container-start@md127") == []


def test_a_volume_of_this_host_starts_degraded() -> None:
    for name in ("data", "0", "my_data"):
        desk = box_of((name,))
        desk.wait(20)
        assert desk.writes("md-look@md126") == []
        assert len(desk.runs("md-start@md126")) == 1, name


def test_a_volume_without_a_name_is_of_an_unknown_host() -> None:
    desk = box_of(())
    desk.see(volume())
    desk.end("md-container-volumes@md127")
    desk.wait(4)
    desk.end("md-volume-examine@md126", output="MD_LEVEL=raid1\n")
    desk.wait(20)
    assert len(desk.writes("md-look@md126")) == 1


def test_a_container_whose_volumes_are_not_known_is_not_started() -> None:
    """The news of them may be lost: whose they are is not known."""
    desk = box_of(())
    desk.wait(40)
    assert desk.runs("md-container-start@md127") == []
    assert len(desk.runs("md-container-volumes@md127")) == 1


def test_all_volumes_of_a_container_are_looked_into_together() -> None:
    desk = box_of(("swap_0", "data_0"))
    desk.wait(12)
    [first] = desk.writes("md-look@md126") + desk.writes("md-look@md125")
    base = str(first.subject)
    number = 126 - int(base[2:])
    desk.see(volume(number, "readonly"))
    desk.end(f"md-look@{base}")
    desk.see(volume(number, "readonly", **OTHER))
    desk.wait(20)
    other = {"md126": "md125", "md125": "md126"}[base]
    assert len(desk.writes(f"md-look@{other}")) == 1
    desk.see(volume(1 - number, "readonly"))
    desk.end(f"md-look@{other}")
    desk.see(volume(1 - number, "readonly", **ROOT))
    assert any("looked.box:md127" in str(each) for each in desk.actions(Record))
    for each in (base, other):
        assert len(desk.runs(f"md-take-down@{each}")) == 1
        desk.lose(each)
        desk.end(f"md-take-down@{each}")
    desk.wait(desk.now + 3)
    assert len(desk.runs("md-container-start@md127")) == 1


def test_a_container_that_was_looked_into_in_vain_gets_its_volumes_back_and_is_left_alone() -> None:
    desk = box_of(("data_0",), QUICK._replace(root_wait=None))
    desk.wait(12)
    desk.see(volume(0, "readonly"))
    desk.end("md-look@md126")
    desk.see(volume(0, "readonly", **OTHER))
    desk.wait(20)
    desk.lose("md126")
    desk.end("md-take-down@md126")
    desk.wait(desk.now + 3)
    [again] = desk.runs("md-container-volumes@md127")
    assert "--run" not in again.argv
    desk.see(volume())
    desk.end("md-container-volumes@md127")
    desk.wait(desk.now + 3)
    desk.end("md-volume-examine@md126", output="MD_DEVNAME=data_0\n")
    desk.wait(400)
    assert desk.runs("md-container-start@md127") == desk.runs("md-start@md126") == []
    assert len(desk.actions(Write)) == 1


def test_a_new_engine_knows_what_was_found() -> None:
    desk = Desk(QUICK._replace(root_wait=None))
    found = "nothing 1 of another host; looked into"
    desk.see(disk(), container(looked=found), volume())
    desk.wait(3)
    desk.end("md-volume-examine@md126", output="MD_DEVNAME=data_0\n")
    desk.wait(300)
    assert desk.actions(Write) == []
    assert desk.runs("md-start@md126") == []


def test_an_imsm_volume_has_no_host_and_is_started() -> None:
    desk = Desk(QUICK)
    desk.see(disk(kind="isw"), container(kind="imsm"))
    desk.end("md-imsm-disk@vda", output="MD_DEVICE=md127\nMD_FOREIGN=no\nMD_STARTED=no\n")
    desk.wait(20)
    assert len(desk.runs("md-container-start@md127")) == 1
    assert desk.actions(Write) == []
