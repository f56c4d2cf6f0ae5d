"""What a tool may have to wait for: a lock of another tool, udev's word, a disk that answers."""

from collections.abc import Callable

from initpy.simulation.world.agenda import Agenda


class Lock:
    """Held by one tool at a time; the others get it in the order they asked."""

    __slots__ = ("_agenda", "_waiting", "held")

    def __init__(self, agenda: Agenda) -> None:
        self.held = False
        self._agenda = agenda
        self._waiting: list[Callable[[], None]] = []

    def wait(self, waiter: Callable[[], None]) -> bool:
        """Whether a tool holds it; then the waiter is called when it is free, to look again."""
        if self.held:
            self._waiting.append(waiter)
        return self.held

    def release(self) -> None:
        """Let the next one have it.

        Not from here: a tool that is cut off as the machine is garbage lets go of it too, and
        then no tool is left to be woken.
        """
        self.held = False
        for waiter in self._waiting:
            self._agenda.after(0.0, waiter)
        self._waiting.clear()


class Silence:
    """A disk answers no request; a process that waits for an answer waits in the kernel."""

    __slots__ = ("_agenda", "_waiting")

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda
        self._waiting: list[Callable[[], None]] = []

    def wait(self, waiter: Callable[[], None]) -> None:
        """Call the waiter when the disk answers again, or is gone."""
        self._waiting.append(waiter)

    def end(self) -> None:
        """Wake all that wait."""
        for waiter in self._waiting:
            self._agenda.after(0.0, waiter)
        self._waiting.clear()


class Cookie:
    """What a tool waits for that libdevmapper made mappings for; see dmsetup(8), udevcomplete."""

    __slots__ = ("_waiter", "count")

    def __init__(self) -> None:
        self.count = 0
        self._waiter: Callable[[], None] | None = None

    def wait(self, waiter: Callable[[], None]) -> bool:
        """Whether there is something to wait for; then the waiter is called when it is over."""
        if self.count <= 0:
            return False
        self._waiter = waiter
        return True

    def complete(self, whole: bool = False) -> None:
        """One of its events is dealt with, or the wait is called off."""
        self.count = 0 if whole else self.count - 1
        if self.count <= 0 and self._waiter is not None:
            waiter, self._waiter = self._waiter, None
            waiter()
