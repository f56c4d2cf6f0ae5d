"""The event at hand: its time, and the actions that answer it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from initpy.core.actions import Action, Report


@dataclass(slots=True)
class Present:
    """Collects the actions of the present event; every owner of state writes to this one."""

    now: float = 0.0  # seconds, never going back
    began: float = 0.0  # when this engine began
    # Grows with each change that may begin or end a hold: waiting/clock.py compares it.
    version: int = 0
    _actions: list[Action] = field(default_factory=list)
    # Have the runtime do something: the list's own `append`, for most of what is called here.
    act: Callable[[Action], None] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.act = self._actions.append

    def report(self, text: str, detail: bool = False) -> None:
        """Tell the user something."""
        self.act(Report(text, detail))

    def stir(self) -> None:
        """Note that a hold may have begun or ended."""
        self.version += 1

    def take_actions(self) -> tuple[Action, ...]:
        """Return the actions of this event and forget them."""
        actions = tuple(self._actions)
        self._actions.clear()
        return actions
