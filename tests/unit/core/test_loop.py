"""A root in a file of another file system (R4)."""

from desk import Desk, block, filesystem, settings

from initpy.core.actions import Mount
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.events import JobEnded, Mounted
from initpy.core.settings import ImageFile, RootMount

IMAGE = ImageFile(DeviceSpec(Naming.LABEL, "host"), "/root.img", RootMount(writable=True))
LOOP = DeviceSpec(Naming.PATH, "/dev/loop0")
HOST = "/run/initpy/host"


def desk_with_host() -> Desk:
    """The host file system is there and its mount has been begun."""
    desk = Desk(settings(root=LOOP, image=IMAGE))
    desk.see(filesystem("vda", "host"), filesystem("vdb", "other"))
    return desk


def mounts(desk: Desk) -> list[tuple[str, str]]:
    return [(each.source, each.target) for _, each in desk.log if isinstance(each, Mount)]


def test_the_host_is_mounted_then_the_file_attached_then_the_root_mounted() -> None:
    desk = desk_with_host()
    assert mounts(desk) == [("/dev/vda", HOST)]
    desk.end("loop-module")
    assert not desk.runs("loop-attach@vda")
    [mount] = [each for _, each in desk.log if isinstance(each, Mount)]
    desk.give(JobEnded(mount.job, mount.run, 0))
    desk.give(Mounted(HOST, "/dev/vda"))
    assert desk.runs("loop-attach@vda")[-1].argv == ("losetup", "/dev/loop0", f"{HOST}/root.img")
    desk.see(block("loop0"))
    assert len(mounts(desk)) == 1, "a loop device without its file is no root"
    desk.end("loop-attach@vda")
    desk.see(filesystem("loop0", "inner"))
    assert mounts(desk)[-1] == ("/dev/loop0", "/sysroot")


def test_an_engine_that_finds_the_host_mounted_goes_on_from_there() -> None:
    desk = Desk(settings(root=LOOP, image=IMAGE))
    desk.give(Mounted(HOST, "/dev/vda"))
    desk.see(filesystem("vda", "host"))
    desk.end("loop-module")
    assert not mounts(desk)
    assert desk.runs("loop-attach@vda")
