"""multipathd(8) with `find_multipaths greedy`, and kpartx(8): partitions on maps."""

from initpy.simulation.kernel import dm
from initpy.simulation.kernel.paths import is_path, map_name
from initpy.simulation.kernel.process import Answer, Call, Work
from initpy.simulation.kernel.udev import Udev
from initpy.simulation.world.plans import Table
from initpy.simulation.world.waits import Cookie
from initpy.simulation.world.world import Block, Mapped, World

LISTEN_SECONDS = 0.1


def multipathd(world: World, udev: Udev, call: Call) -> Work:
    """The daemon, and its commands `multipathd show daemon` and `multipathd add path NAME`.

    It goes to the background at once, and listens a moment later (child() in its main.c).
    """
    if len(call.words) == 1:
        yield 0.2
        world.agenda.after(world.chance.jitter(LISTEN_SECONDS), world.helpers.add, "multipathd")
        return Answer(0)
    if call.words[1:] == ("show", "daemon"):
        yield 0.02
        listens = "multipathd" in world.helpers
        return Answer(0, "pid 612 running\n") if listens else Answer(1)
    if call.words[1:3] != ("add", "path"):
        return None
    yield 0.2
    if "multipathd" not in world.helpers:
        return Answer(1)
    block = world.blocks.get(call.words[3])
    if block is None or block.part is not None or not _may_be(world, block):
        return Answer(1, "fail\n")
    wwid, cookie = f"3{block.disk.wwn if block.disk is not None else ''}", Cookie()
    found = dm.with_uuid(world, f"mpath-{wwid}")
    if found is None:
        mapping = Mapped(map_name(world, wwid), f"mpath-{wwid}")
        dm.create(world, udev, mapping, block.place, [block.name], cookie)
    elif block.name not in found.slaves:
        world.stand_on(found, block.name)
        udev.uevent("change", found, cookie)
    yield cookie
    return Answer(0, "ok\n")


def _may_be(world: World, block: Block) -> bool:
    return block.disk is not None and is_path(world, block.disk)


def kpartx(world: World, udev: Udev, call: Call) -> Work:
    """`kpartx -a -s -p -part NODE`: a mapping for each partition of a mapping."""
    yield 0.2
    block = world.at(call.words[-1])
    if block is None or block.mapping is None or block.place is None:
        return Answer(1, complaints=f"failed to stat() {call.words[-1]}")
    table, cookie = block.place.content, Cookie()
    for number, plan in enumerate(table.parts if isinstance(table, Table) else (), 1):
        name = f"{block.mapping.name}-part{number}"
        if dm.named(world, name) is None:
            mapping = Mapped(name, f"part{number}-{block.mapping.uuid}")
            part = block.name, number, plan
            dm.create(world, udev, mapping, plan.inside, [block.name], cookie, part)
    yield cookie
    return Answer(0)
