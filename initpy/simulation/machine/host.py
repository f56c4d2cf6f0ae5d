"""What the engine and the shell need of the machine that they run in."""

from collections.abc import Sequence
from typing import Any, Protocol

from initpy.core.actions import Action
from initpy.core.boot import Boot
from initpy.core.events import Event
from initpy.core.jobs.definitions import JobDefinition
from initpy.simulation.kernel.udev import Udev
from initpy.simulation.machine.prepared import Prepared
from initpy.simulation.machine.record import Held
from initpy.simulation.world.agenda import Entry
from initpy.simulation.world.sabotage import Sabotage
from initpy.simulation.world.world import World


class Inmate(Protocol):
    """An engine as its machine knows it."""

    number: int
    boot: Boot
    alive: bool
    alarm: Entry | None


class Host(Protocol):
    """The machine, process 1 included."""

    world: World
    prepared: Prepared
    jobs: Sequence[JobDefinition]
    udev: Udev
    sabotage: Sabotage
    secrets: list[Held]
    mounting: set[str]  # jobs whose runs are mounts
    shown: bool  # a failure screen or a shell

    def noted(self, engine: Inmate, event: Event, actions: tuple[Action, ...]) -> bool:
        """Write a step down; True when the engine dies before it carries the actions out."""

    def after_event(self, engine: Inmate) -> None:
        """The actions of an event are carried out."""

    def open_shell(self, engine: Any, stop: str) -> None:
        """Open a shell on the preferred console."""

    def journal(self) -> list[dict[str, Any]]:
        """The lines of the journal so far."""

    def end(self, how: str) -> None:
        """Restart or switch off."""

    def resume(self, engine: Inmate) -> None:
        """The hibernated system goes on."""

    def hand_over(self, engine: Inmate, root: str, init: str) -> None:
        """Run the real init."""
