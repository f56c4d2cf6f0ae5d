"""Which program does what: an argv as the job files give it, to the model of the real tool.

What no model knows is not passed over: it is said (`unsupported`) and ends with status 127.
"""

from collections.abc import Callable

from initpy.scenario.acts import Way
from initpy.simulation.kernel import dm, network
from initpy.simulation.kernel.process import (
    KILLED,
    Answer,
    Asleep,
    Call,
    Exactly,
    Process,
    Work,
)
from initpy.simulation.kernel.reading import AGAIN_SECONDS, ready
from initpy.simulation.kernel.udev import Udev
from initpy.simulation.tools import (
    bcache,
    fsck,
    loop,
    luks,
    lvm,
    mapper,
    mdadm,
    mdmon,
    multipath,
    nettools,
    nvmecli,
    openiscsi,
    sysfs,
    zfs,
)
from initpy.simulation.world.sabotage import Sabotage
from initpy.simulation.world.world import World

Model = Callable[[World, Udev, Call], Work]
# What does not read the device it is given: the program, or one of its words.
NOT_READING = {"udevadm", "nbd-client", "--stop", "--run", "write", "dmsetup", "close"}
# lvm reads the labels of all devices but for this command, which is told of one (pvscan(8)).
WITHOUT_SCAN = {"pvscan"}
MODPROBE_SECONDS = 0.5


def _modprobe(world: World, udev: Udev, call: Call) -> Work:
    """modprobe(8): --quiet says nothing of what is not there, and the status is 1.

    So it is if one of the modules with an alias fails: padlock_aes is for VIA's processors.
    """
    yield MODPROBE_SECONDS
    names = [word for word in call.words[1:] if not word.startswith("-")]
    dm.load(world, *(name for name in names if name not in world.without))
    missing = [name for name in names if name in world.without]
    if world.network is not None:
        network.loaded(world, udev, world.network, names)
    return Answer(1 if missing or "aes" in names else 0)


def _udevadm(world: World, udev: Udev, call: Call) -> Work:
    """`udevadm trigger --action=change NODE`."""
    if call.words[1:3] != ("trigger", "--action=change"):
        return None
    yield 0.05
    for node in call.words[3:]:
        if (block := world.at(node)) is not None:
            udev.uevent("change", block, None, True)
    return Answer(0)


def _sleep(_: World, __: Udev, call: Call) -> Work:
    """sleep(1): what a scenario lets stand for a login to a server, for instance."""
    yield Exactly(float(call.words[1]))
    return Answer(0)


def _true(_: World, __: Udev, ___: Call) -> Work:
    yield 0.02
    return Answer(0)


MODELS: dict[str, Model] = {
    "mdadm": mdadm.mdadm,
    "mdmon": mdmon.mdmon,
    "cryptsetup": luks.cryptsetup,
    "dmsetup": mapper.dmsetup,
    "write": sysfs.write,  # no program: what a job writes to sysfs
    "lvm": lvm.lvm,
    "modprobe": _modprobe,
    "udevadm": _udevadm,
    "sleep": _sleep,
    "true": _true,
    **dict.fromkeys(("e2fsck", "fsck.f2fs", "fsck.vfat", "fsck.exfat", "fsck.jfs"), fsck.check),
    "bcache-register": bcache.register,
    "losetup": loop.losetup,
    "multipathd": multipath.multipathd,
    "kpartx": multipath.kpartx,
    "iscsid": openiscsi.iscsid,
    "iscsiadm": openiscsi.iscsiadm,
    "nvme": nvmecli.nvme,
    "zpool": zfs.zpool,
    "zfs": zfs.zfs,
    **dict.fromkeys(
        ("busybox", "ip", "udhcpc", "dhcpcd", "nbd-client", "iscsistart", "mount", "mkdir"),
        nettools.run,
    ),
}


def start(
    world: World,
    udev: Udev,
    sabotage: Sabotage,
    job: str,
    call: Call,
    ended: Callable[[Answer], None],
    progressed: Callable[[float], None] | None = None,
) -> Process:
    """Run a program for a job; `ended` gets its answer, `progressed` how far it is."""
    program = call.program
    if program == "env":
        program = next(word for word in call.words[1:] if "=" not in word)
    if world.short:
        later = _once_there_is_room(world, _work(world, udev, program, call))
        return Process(world, later, ended, progressed=progressed)
    wrong = sabotage.of(world, program, call.words) if world.scenario.tools else None
    way = wrong.way if wrong is not None else None
    if way is Way.HANGS:
        return Process(world, _hang(), ended, True, progressed)
    if wrong is not None and way is Way.UNKILLABLE:
        return Process(world, _sleep_in_the_kernel(wrong.ends), ended, True, progressed)
    if way is Way.FAILS:
        what = f"{program}: the lab has it fail"
        return Process(world, _end(Answer(1, complaints=what)), ended)
    if way is Way.KILLED:
        return Process(world, _end(Answer(KILLED)), ended)
    work = _work(world, udev, program, call)
    if way in (Way.MUTE, Way.UNFINISHED):
        ends = _half_way if way is Way.UNFINISHED else _at_its_end
        return Process(world, ends(world, work, call), ended)
    if way is Way.RESTART:
        return Process(world, _restarting(work), ended, progressed=progressed)
    if world.chance.seeded and (way := world.chance.of_tool(job)) is not None:
        return _misbehaving(world, way, work, ended)
    return Process(world, work, ended, progressed=progressed)


def _misbehaving(world: World, way: Way, work: Work, ended: Callable[[Answer], None]) -> Process:
    """By chance (`RandomFaults`): it may have done its work, all of it or a part."""
    if way is Way.HANGS:
        return Process(world, _hang(), ended, deaf=True)
    if way is Way.FAILS:
        return Process(world, _failing(work, world.chance.coin()), ended)
    process = Process(world, work, ended)
    world.agenda.after(world.chance.below(1.0), process.kill)
    return process


def _failing(work: Work, works: bool) -> Work:
    if works:
        yield from work
    else:
        yield 0.1
    return Answer(1, complaints="it fails by chance")


def _work(world: World, udev: Udev, program: str, call: Call) -> Work:
    model = MODELS.get(program)
    if world.silent and program == "lvm" and not WITHOUT_SCAN & {*call.words}:
        yield from ready(world, tuple(each.node for each in world.blocks.values()))
    unsure = world.network is not None or bool(world.silent)
    if unsure and NOT_READING.isdisjoint((program, *call.words)):
        unread = yield from ready(world, call.words)
        if unread is not None:
            return unread
    if model is not None:
        answer = yield from model(world, udev, call)
        if answer is not None:
            return answer
    world.cannot(f"the program `{' '.join(call.words)}`")
    return Answer(127, complaints=f"cannot run {program}: it is not modelled")


def _once_there_is_room(world: World, work: Work) -> Work:
    """The runtime tries again to start it (runtime/shortage.py)."""
    while world.short:
        yield Exactly(AGAIN_SECONDS)
    return (yield from work)


def _hang() -> Work:
    while True:
        yield None


def _sleep_in_the_kernel(ends: float | None) -> Work:
    yield Asleep(ends)
    return Answer(1, complaints="Input/output error")


def _at_its_end(world: World, work: Work, call: Call) -> Work:
    yield from work
    return Answer(KILLED)


def _restarting(work: Work) -> Work:
    """fsck(8): what has corrected something (1) may want a restart (2)."""
    answer = yield from work
    return answer._replace(status=3) if answer is not None and answer.status == 1 else answer


def _half_way(world: World, work: Work, call: Call) -> Work:
    """Killed as soon as something stands on the device it works on."""
    for wanted in work:
        if (device := world.at(call.words[-1])) is not None and world.used(device):
            work.close()
            break
        yield wanted
    return Answer(KILLED)


def _end(answer: Answer) -> Work:
    yield 0.1
    return answer
