"""The network of a boot that asks for one."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from initpy.core.events import (
    Event,
)
from initpy.core.settings import Settings
from initpy.simulation.machine.host import Host

if TYPE_CHECKING:
    from initpy.simulation.machine.network import Cards


def cards_of(settings: Settings, machine: Host, take: Callable[[Event], None]) -> "Cards | None":
    """The network of a boot that asks for one."""
    wanted = settings.network
    if wanted is None or not wanted.is_wanted:
        return None
    from initpy.simulation.machine.network import Cards  # most worlds have none

    return Cards(machine.world, take)
