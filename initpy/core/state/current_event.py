"""The event at hand: its time, and the actions that answer it."""

from initpy.core.actions import Action, Report
from initpy.core.jobs.hold_table import WORKING, HoldKind


class Lookout:
    """Tells whether a hold may have begun or ended since it was last asked."""

    def __init__(self) -> None:
        self._holds = -1
        self._work = -1

    def news(self, present: "CurrentEvent") -> bool:
        """True if a hold may have begun, ended or got another reason since the last call."""
        holds, work = present.holds, present.work
        if holds == self._holds and work == self._work:
            return False
        self._holds, self._work = holds, work
        return True


class CurrentEvent:
    """Collects the actions of the present event; every owner of state writes to this one."""

    def __init__(self) -> None:
        self.now = 0.0  # seconds, never going back
        self.began = 0.0  # when this engine began
        # They grow with each change that may begin or end a hold, or a hold of work that stops
        # deadlines of assemblies alone: waiting/deadline.py compares them.
        self.holds = 0
        self.work = 0
        self._actions: list[Action] = []

    def act(self, action: Action) -> None:
        """Have the runtime do something."""
        self._actions.append(action)

    def report(self, text: str, detail: bool = False) -> None:
        """Tell the user something."""
        self._actions.append(Report(text, detail))

    def stir(self, kind: HoldKind | None = None) -> None:
        """Note that a hold may have begun, ended or got another reason; of this kind, if given."""
        if kind in WORKING:
            self.work += 1
        else:
            self.holds += 1

    def take_actions(self) -> tuple[Action, ...]:
        """Return the actions of this event and forget them."""
        actions, self._actions = tuple(self._actions), []
        return actions
