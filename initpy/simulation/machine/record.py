"""What came of a run: every event given to the core and what it said, and the world at the end."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from initpy.core.actions import Action, Arm, Clock, LookAgain, Moved
from initpy.core.events import Event
from initpy.core.records import plain
from initpy.core.secret import Secret
from initpy.scenario.model import Outcome, Scenario
from initpy.scenario.verdict import Observation, outcome_of, reasons_against
from initpy.simulation.kernel.facts import facts_of, unknown
from initpy.simulation.machine.shutdown import Closing
from initpy.simulation.world.world import World


class Step(NamedTuple):
    """One event given to the core, and what the core said."""

    time: float  # virtual seconds since /init began
    event: Event
    actions: tuple[Action, ...]
    engine: int  # 0, 1, 2...: which engine (it is restarted after a crash)


class Entry(NamedTuple):
    """A step in the journal's plain form: dictionaries, with the class's name as "kind"."""

    time: float
    engine: int
    event: dict[str, Any]
    actions: tuple[dict[str, Any], ...]


# What says only how the core thinks, or is asked for too often to be kept.
THOUGHTS = (Moved, Clock, Arm, LookAgain)


@dataclass(slots=True)
class Held:
    """A secret in the engine's memory: who had it, which runs were given it, when it was wiped.

    The bytes are not kept: what is looked at is whether the engine has wiped them.
    """

    kind: str  # the event that brought it; "Run" for a copy that the core has made
    job: str  # empty: a key that a user gives for any volume
    engine: int
    time: float
    secret: Secret = field(repr=False)
    runs: list[tuple[str, int]] = field(default_factory=list)
    wiped: float | None = None


@dataclass(slots=True)
class Simulated:
    """One simulated boot. What is costly and often not asked for is made when it is."""

    scenario: Scenario
    ended: float  # virtual time at the end
    steps: list[Step]
    world: World  # ground truth at the end
    handed_over: bool
    end: str | None  # how the machine ended, in QEMU's words
    undone: tuple[str, ...] = ()  # what users and faults were still to do
    acts: tuple[tuple[float, str], ...] = ()  # what users and faults did, and when
    before: int = 0  # so many of the steps were those of boots before a restart
    secrets: tuple[Held, ...] = ()
    deaths: tuple[float, ...] = ()  # when each engine but the last has died
    closing: Closing | None = None  # the shutdown, if the scenario has one
    _facts: dict[str, str] | None = field(default=None, repr=False)
    _reasons: tuple[str, ...] | None = field(default=None, repr=False)

    @property
    def console(self) -> str:
        """What users saw on the first console."""
        return self.world.terminals.first.text

    @property
    def second(self) -> str:
        """What users saw on the second console."""
        terminal = self.world.terminals.second
        return terminal.text if terminal is not None else ""

    @property
    def facts(self) -> dict[str, str]:
        """What the real init would report, as far as this world knows it."""
        if self._facts is None:
            self._facts = facts_of(self.world) if self.handed_over else {}
            if self.closing is not None:
                self._facts |= _off(self.world, self.closing)
        return self._facts

    @property
    def outcome(self) -> Outcome:
        """How the boot ended."""
        return outcome_of(self.observation())

    def observation(self) -> Observation:
        """What the lab would have seen of it."""
        channel = ""
        if self.handed_over:
            lines = [f"INITPY-LAB fact {key}={value}" for key, value in self.facts.items()]
            channel = "\n".join([*lines, "INITPY-LAB done", ""])
        return Observation(
            self.console,
            channel,
            self.end,
            () if self._runs else self.undone,  # they may await what the real system says
            written=tuple(sorted(self.world.written)),
            second=self.second,
        )

    @property
    def reasons(self) -> tuple[str, ...]:
        """The expectations that were not met, () if none; without facts of a real kernel."""
        if self._reasons is None:
            expect = self.scenario.expect
            left = tuple(pair for pair in expect.facts if not self._unknown(pair[0]))
            self._reasons = reasons_against(replace(expect, facts=left), self.observation())
        return self._reasons

    @reasons.setter
    def reasons(self, reasons: tuple[str, ...]) -> None:
        """Another judge has spoken."""
        self._reasons = reasons

    def _unknown(self, fact: str) -> bool:
        """Of the real kernel, or of what the scenario has the real system do first."""
        return unknown(fact) or (self._runs and fact not in self.facts)

    @property
    def _runs(self) -> bool:
        """Whether a real system has begun that does more than the simulator knows."""
        ran = any(path == "/lab/run" for layer in self.scenario.layers for path, _ in layer.files)
        return self.handed_over and (ran or bool(self.scenario.system))

    @property
    def unsupported(self) -> tuple[str, ...]:
        """What the scenario asks that the simulator cannot do, in words."""
        from initpy.simulation.world.limits import beyond

        facts = (f"the fact {key}" for key, _ in self.scenario.expect.facts if self._unknown(key))
        system = (f"what {self.scenario.system} does",) if self.scenario.system else ()
        acts = self.undone if self._runs else ()
        return (*facts, *acts, *system, *beyond(self.scenario), *self.world.unsupported)

    def entries(self) -> list[Entry]:
        """The steps for readers that know nothing of the core's classes, thoughts left out."""
        return [
            Entry(
                step.time,
                step.engine,
                lined(step.event),
                tuple(lined(each) for each in step.actions if not isinstance(each, THOUGHTS)),
            )
            for step in self.steps
        ]

    def journal(self) -> list[dict[str, Any]]:
        """The lines that the runtime's journal would have."""
        return list(self._lines(0))

    def last_journal(self) -> list[dict[str, Any]]:
        """The same of the last boot alone: a restart leaves nothing of a real one's.

        A system that was resumed still has that of the boot before it hibernated.
        """
        if self.world.resumed:
            return list(self._lines(0, self.before))
        return list(self._lines(self.before))

    def _lines(self, begin: int, end: int | None = None) -> Iterator[dict[str, Any]]:
        from initpy.simulation.machine.prepared import basis_of

        engine = -1
        for step in self.steps[begin:end]:
            at = step.time  # not rounded: a replay is to count as the core has counted
            if step.engine != engine:
                engine = step.engine
                first = {"t": at, "kind": "EngineStarted", "init_started": 0.0}
                basis = {**first, **basis_of(self.scenario)}
                if told := self.world.located.get(engine):
                    basis["hibernated"] = [*told]
                yield basis
            yield {"t": at, "kind": type(step.event).__name__, **plain(step.event)}
            for action in step.actions:
                if not isinstance(action, Arm):
                    yield {"t": at, "kind": type(action).__name__, **plain(action)}
        if self.handed_over:
            init = "/sbin/init"
            yield {"t": self.ended, "kind": "HandedOver", "root": "/sysroot", "init": init}


def _off(world: World, closing: Closing) -> dict[str, str]:
    """What the lab says of arrays once the machine is off."""
    return {
        f"off.{block.array.name}": "dirty" if block.name in closing.devices else "clean"
        for block in world.blocks.values()
        if closing.kept and block.array is not None
    }


def lined(what: Event | Action) -> dict[str, Any]:
    """The journal's plain form of an event or action, its class's name as "kind"."""
    return {"kind": type(what).__name__, **plain(what)}
