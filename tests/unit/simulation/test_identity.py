"""The simulated mdadm and the oracle agree on whose array it is; they share no code (R9, R33)."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

from initpy.scenario.model import Scenario
from initpy.simulation.explore.generate import draw
from initpy.simulation.kernel.process import Call
from initpy.simulation.oracle.homehost import is_own, kept_off
from initpy.simulation.tools.homehost import judge, judge_volume
from initpy.simulation.world.making import make_disks
from initpy.simulation.world.plans import (
    ArrayPlan,
    Header,
    Member,
    PhysicalPlan,
    Place,
    Table,
)
from initpy.simulation.world.world import World

WORLDS = 450


def arrays(place: Place) -> Iterator[ArrayPlan]:
    """The arrays that a place leads to."""
    inside: list[Place] = []
    match place.content:
        case Member(array=array):
            yield array
            yield from array.volumes
            inside = [each.inside for each in array.volumes or [array]]
        case Table(parts=parts):
            inside = [part.inside for part in parts]
        case Header(volume=volume):
            inside = [volume.inside]
        case PhysicalPlan(group=group):
            inside = [volume.inside for volume in group.volumes]
    for each in inside:
        yield from arrays(each)


def verdicts(scenario: Scenario) -> Iterator[tuple[bool | None, bool | None]]:
    """Of each array: whether it is this machine's to mdadm and the core, and to the oracle.

    None: mdadm.conf keeps it off.
    """
    world = cast(World, SimpleNamespace(scenario=scenario))
    config = ("--config=none",) if "rd.md.conf=0" in scenario.cmdline.split() else ()
    disks = make_disks(scenario).disks.values()
    found = {each.name: each for disk in disks for each in arrays(disk.place)}
    for layer in scenario.layers:
        if layer.name not in found:
            continue
        plan = found[layer.name]
        call = Call(("mdadm", *config))
        verdict = judge(world, call, plan.container or plan)
        if plan.container is not None and not verdict.refusal:
            verdict = judge_volume(world, call, plan)
        off = kept_off(scenario, layer)
        if verdict.refusal or off:
            yield None if verdict.refusal else not verdict.foreign, None if off else True
            continue
        own = not verdict.foreign
        # The core takes an array whose name or metadata tells no host for this machine's.
        tells_none = plan.metadata != "0.90" and ":" not in plan.set_name and not plan.container
        tells_none = tells_none or plan.metadata == "imsm"
        yield own or tells_none, is_own(scenario, layer)


def test_they_agree_in_random_worlds() -> None:
    seen = [pair for number in range(WORLDS) for pair in verdicts(draw(number).scenario)]
    assert all(mdadm == oracle for mdadm, oracle in seen)
    foreign, off = (sum(mdadm is each for mdadm, _ in seen) for each in (False, None))
    assert 50 < foreign < len(seen) - 50
    assert off > 10
