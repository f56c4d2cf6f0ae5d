"""Decides when a scenario's input and faults are due: console text and time in, acts out.

It is pure, so that tests and the simulator can run it without a machine. Each actor has a script of
cues in order. A cue is due at a time after the start of /init, or some time after a text has
appeared on the console, after the text of the previous cue.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from initpy.scenario.acts import Cue, Deed, Person
from initpy.scenario.model import Scenario
from initpy.scenario.saying import heard

# The kernel's message (init/main.c), which may name the lab's agent instead of /init. With a quiet
# kernel, initpy's first line.
INIT_STARTS = re.compile(r"Run /\S+ as init process|^initpy: ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Type:
    """Type a text at the console."""

    text: str
    second: bool = False


@dataclass(frozen=True, slots=True)
class Do:
    """Apply a fault or an arrival to the machine."""

    deed: Deed
    argument: str = ""


Act = Type | Do


def _in_words(cue: Cue, act: Act) -> str:
    what = f"type {act.text!r}" if isinstance(act, Type) else f"{act.deed} {act.argument}".strip()
    if cue.when is None and cue.at is None:
        return f"{what} after the keys before"
    return f"{what} after {cue.when.pattern!r}" if cue.when else f"{what} at {cue.at} s"


def _typing(person: Person) -> Iterator[tuple[Cue, Act]]:
    """Yield a person's input at once, or key by key."""
    if not person.pace:
        yield person.cue, Type(person.text, person.second)
        return
    for number, key in enumerate(person.text):
        yield Cue(after=person.pace) if number else person.cue, Type(key, person.second)


def _network(scenario: Scenario) -> Iterator[list[tuple[Cue, Act]]]:
    """Yield a script for each cable and each server."""
    for nic in scenario.nics:
        deeds = Deed.CARRIER_OFF, Deed.CARRIER_ON
        yield [(Cue(at=at), Do(deeds[on], nic.name)) for at, on in nic.carrier.changes()]
    for server in scenario.servers:
        deeds = Deed.SERVER_DOWN, Deed.SERVER_UP
        yield [(Cue(at=at), Do(deeds[on], server.name)) for at, on in server.times.changes()]


class _Script:
    """The remaining cues of one actor, in order."""

    __slots__ = ("_acts", "_due", "_heard")

    def __init__(self, acts: Iterable[tuple[Cue, Act]]) -> None:
        self._acts = list(acts)
        self._heard = 0  # position in the console's text from which the next cue may match
        self._due: float | None = None

    @property
    def left(self) -> int:
        return len(self._acts)

    @property
    def undone(self) -> list[str]:
        """Return the remaining acts as texts; consecutive keys form one text."""
        together: list[tuple[Cue, Act]] = []
        for cue, act in self._acts:
            follows = cue.when is None and cue.at is None
            if follows and together and isinstance(act, Type):
                first, before = together[-1]
                if isinstance(before, Type):
                    together[-1] = first, Type(before.text + act.text, act.second)
                    continue
            together.append((cue, act))
        return [_in_words(cue, act) for cue, act in together]

    @property
    def due(self) -> float | None:
        """Return when the next act is due; None if unknown."""
        return self._due if self._acts else None

    def advance(self, text: str, started: float | None, now: float) -> list[Act]:
        acts: list[Act] = []
        while self._acts:
            cue, act = self._acts[0]
            if self._due is None:
                self._due = self._due_time(cue, text, started, now)
            if self._due is None or now < self._due:
                break
            acts.append(act)
            del self._acts[0]
            self._due = None
        return acts

    def _due_time(self, cue: Cue, text: str, started: float | None, now: float) -> float | None:
        if cue.when is None and cue.at is None:
            return now + cue.after  # after the previous act
        if cue.when is None:
            return None if started is None else started + (cue.at or 0.0)
        end = heard(cue.when, text, self._heard)
        if end is None:
            return None
        self._heard = end
        return now + cue.after


class Director:
    """Runs all scripts of a scenario."""

    def __init__(self, scenario: Scenario, *, people: bool = True) -> None:
        """Take a scenario; with `people` false, the user at the keyboard types instead."""
        self.started: float | None = None
        typing: dict[str, list[tuple[Cue, Act]]] = {}
        for person in scenario.people if people else ():
            typing.setdefault(person.name, []).extend(_typing(person))
        self._scripts = [_Script(acts) for acts in typing.values()]
        self._scripts += [
            _Script([(fault.cue, Do(fault.deed, fault.argument))]) for fault in scenario.faults
        ]
        self._scripts += [
            _Script([(Cue(at=disk.arrives), Do(Deed.PLUG, disk.name))])
            for disk in scenario.disks
            if disk.arrives is not None
        ]
        self._scripts += [_Script(acts) for acts in _network(scenario)]

    @property
    def undone(self) -> tuple[str, ...]:
        """Return the remaining acts as texts."""
        return tuple(words for script in self._scripts for words in script.undone)

    @property
    def due(self) -> float | None:
        """Return when the next act is due, for a virtual clock; None if all wait for a text."""
        return min((due for each in self._scripts if (due := each.due) is not None), default=None)

    @property
    def waiting(self) -> bool:
        """Return whether any act remains."""
        return any(script.left for script in self._scripts)

    def advance(self, text: str, now: float) -> list[Act]:
        """Return the acts that are due, given the console's text so far."""
        if self.started is None and INIT_STARTS.search(text):
            self.started = now
        acts: list[Act] = []
        for script in self._scripts:
            acts += script.advance(text, self.started, now)
        return acts
