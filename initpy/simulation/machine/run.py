"""Run a scenario in virtual time, from power-on until its end is known."""

from collections.abc import Callable, Mapping, Sequence

from initpy.core.boot import Boot
from initpy.core.jobs.definitions import JobDefinition
from initpy.scenario.model import Outcome, Scenario, as_carried
from initpy.scenario.verdict import reached
from initpy.simulation.machine.loader import BootLoader
from initpy.simulation.machine.pid1 import RESTARTED, Machine
from initpy.simulation.machine.prepared import with_jobs
from initpy.simulation.machine.record import Simulated, Step
from initpy.simulation.machine.shutdown import shut_down
from initpy.simulation.machine.users import Stage
from initpy.simulation.world.random_faults import Chance, RandomFaults
from initpy.simulation.world.world import ENGINE_SECONDS, World, started_again

SETTLING = 3.0  # seconds that a machine in the expected state is watched for what must never appear
NONE = RandomFaults()
# So many events without time passing, and some for each disk: the core turns in circles.
MOST_AT_ONCE, MOST_OF_A_DISK = 20_000, 20


class StandsStillError(RuntimeError):
    """The core asks to be woken at once, again and again."""


def simulate(
    scenario: Scenario,
    *,
    seed: int | None = None,
    crash_after: int | None = None,
    crash_loses: bool = False,
    random_faults: RandomFaults = NONE,
    jobs: Sequence[JobDefinition] | None = None,
    watch: Callable[[Step, Boot], None] | None = None,
    shown: Mapping[str, float] | None = None,
) -> Simulated:
    """Boot it.

    `seed`: None for usual latencies in the file's order, a number for others by chance.
    `crash_after`: the engine dies right after the n-th event, its actions carried out or
    (`crash_loses`) lost. `watch` is called after each step. `shown`: when the engine is told of
    a disk that is there from the start, in seconds after the engine's own; else the usual.
    Raises StandsStillError when time does.
    """
    scenario = as_carried(scenario)
    loader = BootLoader(scenario)
    prepared = loader.boot()
    chance = Chance(seed, random_faults)
    quiet = "quiet" in scenario.cmdline.split()
    world = World(scenario, prepared.disks, chance, quiet, prepared.without)
    world.shown.update((name, ENGINE_SECONDS + at) for name, at in (shown or {}).items())
    machine = Machine(
        world, prepared, with_jobs(prepared, jobs), chance, crash_after, crash_loses, watch
    )
    stage = Stage(machine)
    _play(machine, stage)
    before = 0
    while machine.ended == RESTARTED and scenario.restarts:
        world, before = started_again(world), len(machine.steps)
        prepared = loader.boot()
        machine = Machine(
            world, prepared, machine.jobs, chance, None, crash_loses, watch, machine.steps
        )
        stage.go_on(machine)
        _play(machine, stage)
    closes = scenario.shutdown and machine.handed_over
    return Simulated(
        scenario,
        world.now,
        machine.steps,
        world,
        machine.handed_over,
        machine.ended,
        stage.director.undone,
        tuple(sorted([*stage.acts, *world.network.notes] if world.network else stage.acts)),
        before,
        tuple(machine.secrets),
        tuple(machine.died),
        shut_down(world, chance) if closes else None,
    )


def _play(machine: Machine, stage: Stage) -> None:
    """From power-on to the machine's end, what was expected, or the end of its time."""
    world, scenario = machine.world, machine.world.scenario
    machine.power_on()
    limit = scenario.expect.within
    agenda = world.agenda
    judged, settled = -1, None
    moment, steps_then = 0.0, 0
    most_at_once = MOST_AT_ONCE + MOST_OF_A_DISK * len(scenario.disks)
    waits = scenario.expect.outcome in (Outcome.FAILED, Outcome.SHELL)
    stage.look()
    while machine.ended is None and not machine.handed_over:
        due = agenda.next()
        if due is None or due > limit:
            agenda.now = limit
            break
        if settled is not None and due > settled + SETTLING:
            agenda.now = settled + SETTLING
            break
        agenda.step()
        stage.look()
        if agenda.now > moment:
            moment, steps_then = agenda.now, len(machine.steps)
        elif len(machine.steps) - steps_then > most_at_once:
            raise StandsStillError(f"{most_at_once} events and more at {moment:.3f} s")
        if waits and machine.shown and world.terminals.version != judged:
            judged = world.terminals.version
            seen = Simulated(
                scenario, agenda.now, machine.steps, world, False, None, stage.director.undone
            )
            if settled is None and reached(scenario.expect, seen.observation()):
                settled = agenda.now
