"""Which secrets are in the engine's memory: the oracle is told when each is wiped.

What is kept of events and actions has no secret in it; that there was one is part of the boot.
"""

from typing import TypeVar, cast

from initpy.core.actions import Action, Run
from initpy.core.events import Answered, Event, Fetched, KeyGiven
from initpy.core.secret import Secret
from initpy.simulation.machine.record import Held

# Events that bring a secret.
GIVES = (Answered, Fetched, KeyGiven)
Gives = TypeVar("Gives", bound=Answered | Fetched | KeyGiven | Run)


class Memory:
    """The secrets of one engine; `noted` is where all that it ever had is written down."""

    def __init__(self, engine: int, noted: list[Held]) -> None:
        self._engine = engine
        self._noted = noted
        self._held: list[Held] = []  # not wiped yet

    def takes(self, event: Event, now: float) -> Event:
        """An event is about to be handled; what is kept of it."""
        if not isinstance(event, GIVES):
            return event
        kept = _without_its_secret(event)
        if kept is not event and event.secret is not None:
            job = "" if isinstance(event, KeyGiven) else event.job
            self._hold(Held(type(event).__name__, job, self._engine, now, event.secret))
        return kept

    def decided(self, actions: tuple[Action, ...], now: float) -> tuple[Action, ...]:
        """The event is handled; what is kept of the actions."""
        runs = [each for each in actions if isinstance(each, Run)]
        for run in runs:
            if run.secret is not None:
                self._given(run, run.secret, now)
        if self._held:
            for held in tuple(self._held):
                if not held.secret.reveal():
                    held.wiped = now
                    self._held.remove(held)
        if not runs:
            return actions
        return tuple(
            _without_its_secret(each) if isinstance(each, Run) else each for each in actions
        )

    def _hold(self, held: Held) -> None:
        self._held.append(held)
        self._noted.append(held)

    def _given(self, run: Run, secret: Secret, now: float) -> None:
        held = next((each for each in self._held if each.secret is secret), None)
        if held is None:  # a copy that the core has made
            held = Held("Run", run.job, self._engine, now, secret)
            self._hold(held)
        held.runs.append((run.job, run.run))


def _without_its_secret(what: Gives) -> Gives:
    """It as it is kept: the secret is wiped once used."""
    given = what.secret is not None and what.secret.reveal()
    return cast(Gives, what._replace(secret=Secret(b"*"))) if given else what
