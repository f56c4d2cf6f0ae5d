"""Say what the boot waits for and why: the tree of `initpy status`, and the failure screen."""

import time
from collections.abc import Callable

from initpy.core.actions import ShowFailure
from initpy.core.boot import Boot
from initpy.runtime.aside import Aside
from initpy.runtime.journal import Journal
from initpy.runtime.udev import Udev


class Diagnosis:
    """Completes the core's tree with what it cannot see: damaged superblocks, missing drivers.

    What draws trees is imported when one is asked for: it is costly, and most boots show none.
    """

    def __init__(
        self, boot: Boot, udev: Udev, aside: Aside, journal: Journal, say: Callable[[str], None]
    ) -> None:
        self._boot, self._udev, self._aside = boot, udev, aside
        self._journal, self._say = journal, say

    async def status(self, as_json: bool) -> str:
        """Return the present tree, with findings that take no longer than a moment."""
        from initpy.report.tree import render, render_json
        from initpy.runtime.findings import SOON, Look, completed

        found = await Look(self._aside, self._boot.explain(time.monotonic())).within(SOON)
        now = time.monotonic()
        tree = completed(self._boot.explain(now), found, self._udev.silent())
        return (render_json if as_json else render)(tree, now)

    async def show(self, action: ShowFailure, shown: Callable[[], None]) -> None:
        """Show the screen with the findings so far, call `shown`, then tell later findings."""
        from initpy.core.failure.driverless import advice_for
        from initpy.report.tree import failure_screen
        from initpy.runtime import findings

        look = findings.Look(self._aside, action.tree)
        found = await look.within(findings.SOON)
        now = time.monotonic()
        tree = findings.completed(action.tree, found, self._udev.silent())
        unclaimed = found.unclaimed or ()
        advice = (*advice_for(unclaimed), *action.advice)
        self._journal.note(now, "Unclaimed", devices=[each._asdict() for each in unclaimed])
        self._say(failure_screen(action.reason, tree, now, advice))
        shown()
        for line in findings.news(found, await look.within(findings.LATE)):
            self._say(f"initpy: {line}")
