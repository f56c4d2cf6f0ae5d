"""Stops that users ask for with `break=`: a shell at a point of the boot, which then goes on.

The shell is gated as any other. While it is open no clock counts. What is asked for is done once
by each engine: an engine that is started again while the shell is open opens it anew.
"""

from initpy.core.actions import OpenShell
from initpy.core.settings import BreakPoint
from initpy.core.state.current_event import CurrentEvent

MEANING = {
    BreakPoint.START: "before anything is done with a device",
    BreakPoint.MOUNT: "before the root file system is mounted",
    BreakPoint.HAND_OVER: "before the real system is started",
}


class BreakPoints:
    """Where the boot stands while a shell is open, and which stops were made."""

    def __init__(self, current: CurrentEvent, wanted: frozenset[BreakPoint], shell: bool) -> None:
        self.current = current
        self.wanted = wanted
        self.shell = shell  # there may be one
        self._open: BreakPoint | None = None
        self._passed: set[BreakPoint] = set()

    @property
    def open(self) -> bool:
        """True while the shell of a stop is open."""
        return self._open is not None

    def at(self, point: BreakPoint) -> bool:
        """True while the boot stands at this point."""
        return self._open is point

    def stop(self, point: BreakPoint) -> bool:
        """Stop at this point if the user asks for that; True while the boot stands there."""
        wanted = point in self.wanted and point not in self._passed
        if self._open is None and wanted:
            self._passed.add(point)
            where = f"the boot stops here, {MEANING[point]}, as break= asks for"
            if self.shell:
                self._open = point
                self.current.stir()
                self.current.act(OpenShell(f"{where}; `exit` goes on"))
            else:
                self.current.report(
                    f"no stop {MEANING[point]}: there is no shell "
                    "(rd.shell=0, panic= or rd.emergency=)"
                )
        return self._open is point

    def go_on(self) -> None:
        """The shell of a stop has ended."""
        self._open = None
        self.current.stir()
        self.current.report("the shell has ended: the boot goes on")
