"""What was tried with one item of a shutdown, and what is tried next."""

from initpy.core.shutdown.layers import Steps
from initpy.core.shutdown.messages import Deed

PATIENCE = 5.0  # seconds for which a step is tried before the next one, or before the item is left
TRIES = 2  # at least: one that takes long says little of what keeps the item in use by now
RETRY = 0.1  # seconds between two tries


class Attempts:
    """Each step is tried for a while: what keeps an item in use may end, or was about to."""

    def __init__(self, words: str, steps: Steps, now: float) -> None:
        self.words = words
        self.steps = steps
        self.running: float | None = None  # when the step began that runs now
        self.noticed = now  # when the user last heard of it
        self.ended = 0  # the turn in which the last one ended
        self.error = ""
        self.over = ""  # why nothing more is tried
        self.due = now
        self._step = 0
        self._tries = 0  # of this step
        self._since: float | None = None  # when this step was first due

    @property
    def deed(self) -> Deed:
        """The step that it is at."""
        return self.steps[self._step]

    @property
    def waiting(self) -> bool:
        """True if there is something to try, now or soon."""
        return self.running is None and not self.over

    def next(self, now: float, looked: int) -> Deed | None:
        """The step to begin now, given the turn in which the last look began; notes that it runs.

        A look that began before the last step ended does not show what came of that.
        """
        if not self.waiting or now < self.due or looked < self.ended:
            return None
        if self._since is None:
            self._since = now  # nothing stands on it from now on
        tried = self._tries >= TRIES or self.deed is Deed.AWAIT
        if tried and now >= self._since + PATIENCE:
            if self._step + 1 == len(self.steps):
                self.over = self.error or "it is still there"
                return None
            self._step, self._tries, self._since = self._step + 1, 0, now
        if self.deed is Deed.AWAIT:
            return None
        self.begin(now)
        self._tries += 1
        return self.deed

    def begin(self, now: float) -> None:
        """The step runs."""
        self.running = self.noticed = now

    def end(self, now: float, turn: int, error: str) -> None:
        """The step has ended, which says little: a look tells whether the item is gone."""
        self.running, self.error = None, error
        self.ended, self.due = turn, now + RETRY
        if self.deed is Deed.READ_ONLY and not error:
            self.over = "in use, and read-only now"  # it is clean, and more cannot be had

    def abandon(self, why: str) -> None:
        """Its step does not end."""
        self.running, self.over = None, why

    def revive(self) -> None:
        """Something else is gone, which may have kept it in use."""
        if self.running is None and self.error and self.deed is not Deed.READ_ONLY:
            self._since, self._tries, self.over = None, 0, ""

    def follow(self, steps: Steps) -> None:
        """Its state is another one: so are the steps."""
        if self.running is None and steps != self.steps:
            self.steps, self._step, self._since, self.over = steps, 0, None, ""
            self._tries = 0
