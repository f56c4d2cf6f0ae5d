"""The owner of how the boot stands: failed, overdue, about to end; and of what was said of it."""

from initpy.core.actions import AwaitKey
from initpy.core.settings import Emergency, Settings
from initpy.core.state.current_event import CurrentEvent


class Outcome:
    """What is known of an end without root."""

    def __init__(self, current: CurrentEvent, settings: Settings) -> None:
        self.current = current
        self.settings = settings
        self.failed = False  # the failure screen has been shown
        self.overdue = False  # root's time is over: no server is waited for any more (R16)
        self.waiting_since = 0.0  # for root
        # When a check or mount that root needs was first given up, since root is waited for.
        self._first_failure: float | None = None
        self._reboot = (
            ""  # why the machine is to be restarted, whatever the user wants of a failure
        )
        # A user has opened a shell of a counted boot: the machine does not end until they leave it.
        self.attended = False
        self.awaits_key = False  # a key holds the end of a counted boot
        self._notices = 0  # how often the user was told that the boot still waits

    @property
    def ending(self) -> Emergency:
        """How the boot ends when it ends without root; a counted boot never waits for ever."""
        asked, counted = self.settings.emergency, self.settings.counting is not None
        restarts = self._reboot or (counted and asked is Emergency.WAIT)
        return Emergency.REBOOT if restarts else asked

    @property
    def reason(self) -> str:
        """Why the boot ends."""
        return self._reboot or "the boot has failed"

    def wait(self) -> None:
        """Root is waited for from now."""
        self.waiting_since, self._notices, self._first_failure = self.current.now, 0, None

    def gave_up(self) -> None:
        """A check or mount that root needs was given up; what it lacks may still come."""
        if self._first_failure is None:
            self._first_failure = self.current.now

    def time_to_end(self, seconds: float) -> float:
        """Seconds until the boot ends, which was to be so long after the first failure.

        A user who has just been shown the failure has the grace to read it.
        """
        settings, now = self.settings, self.current.now
        since = now if self._first_failure is None else self._first_failure
        return max(since + seconds - now, min(seconds, settings.grace))

    def notice(self) -> int:
        """Count a notice; its number, from 1."""
        self._notices += 1
        return self._notices

    def fail(self) -> None:
        """The failure screen is shown."""
        self.failed = True

    def restart(self, reason: str) -> None:
        """The machine is to be restarted, for a reason that is no failure."""
        self.failed, self._reboot = True, reason

    def late(self) -> None:
        """Root's time is over."""
        self.overdue = True
        self.current.stir()

    def in_time(self) -> None:
        """There is time again: root is mounted, or the user gives more."""
        self.overdue = False
        self.current.stir()

    def call_off(self) -> None:
        """The boot goes on: it neither has failed nor ends."""
        self.failed, self._reboot = False, ""
        self.await_key(False)
        self.in_time()

    def await_key(self, wanted: bool = True) -> None:
        """Let a key hold the end, or do not any more."""
        if self.awaits_key is not wanted:
            self.awaits_key = wanted
            self.current.act(AwaitKey(wanted))

    def attend(self, present: bool) -> None:
        """A user of a counted boot has a shell, or has left it."""
        if self.attended is not present:
            self.attended = present
            self.current.stir()
