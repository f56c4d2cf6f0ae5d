"""A tool at work: a generator that yields seconds, or what it waits for, and returns its answer."""

from collections.abc import Callable, Generator
from typing import Any, NamedTuple

from initpy.simulation.world.agenda import Entry
from initpy.simulation.world.waits import Cookie, Lock, Silence
from initpy.simulation.world.world import World


class Call(NamedTuple):
    """How a program is called."""

    words: tuple[str, ...]
    secret: bytes | None = None  # its standard input
    environment: tuple[tuple[str, str], ...] = ()

    @property
    def program(self) -> str:
        """Its name without the path."""
        return self.words[0].rpartition("/")[2]


class Answer(NamedTuple):
    """How it ended: exit status, standard output, all that it complained of."""

    status: int
    output: str = ""
    complaints: str = ""


class Share(NamedTuple):
    """How much a tool has done, 0 to 1; it does not wait."""

    done: float


class Exactly(NamedTuple):
    """So many seconds, whatever the machine's pace."""

    seconds: float


class Asleep(NamedTuple):
    """It waits in the kernel ("D" in ps(1)): a signal counts when it wakes, SIGKILL included."""

    until: Silence | float | None  # a disk that answers, so many seconds, or for ever


# What a tool may wait for: seconds, udev's word, or nothing that ever comes.
Wait = float | Exactly | Cookie | Lock | Share | Asleep | None
# None: the model does not know what is asked of it.
Work = Generator[Wait, None, Answer | None]

TERMINATED, KILLED = -15, -9
KILL_AFTER = 3.0  # between SIGTERM and SIGKILL, as the runtime does it


class Process:
    """One process; `ended` is called with its answer once."""

    __slots__ = (
        "_asleep", "_deaf", "_ended", "_entry", "_pending", "_progressed", "_work", "_world",
        "watched",
    )  # fmt: skip

    def __init__(
        self,
        world: World,
        work: Generator[Wait, None, Any],
        ended: Callable[[Any], None],
        deaf: bool = False,
        progressed: Callable[[float], None] | None = None,
    ) -> None:
        self._world = world
        self._work: Generator[Wait, None, Any] | None = work
        self._ended = ended
        self._deaf = deaf
        self._progressed = progressed
        self.watched = progressed is not None  # it ends with the engine
        self._entry: Entry | None = None
        self._asleep = False
        self._pending: int | None = None  # a signal that it gets when it wakes
        self._resume()

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._work is not None

    def _resume(self) -> None:
        """Go on until it waits again, or ends."""
        self._asleep = False
        if self._pending is not None:
            self.kill(self._pending)
        work = self._work
        while work is not None:
            try:
                wanted = next(work)
            except StopIteration as end:
                self._end(end.value)
                return
            if isinstance(wanted, Cookie | Lock):
                if wanted.wait(self._resume):
                    return
                continue
            if isinstance(wanted, Share):
                if self._progressed is not None:
                    self._progressed(wanted.done)
                continue
            if isinstance(wanted, Asleep):
                self._sleep(wanted.until)
                return
            if wanted is None:  # for ever
                return
            if isinstance(wanted, Exactly):
                seconds = wanted.seconds
            else:
                seconds = self._world.chance.jitter(wanted)
            self._entry = self._world.agenda.after(seconds, self._resume)
            return

    def _sleep(self, until: Silence | float | None) -> None:
        self._asleep = True
        if isinstance(until, Silence):
            until.wait(self._resume)
        elif until is not None:
            self._entry = self._world.agenda.after(until, self._resume)

    def _end(self, answer: object) -> None:
        self._work = None
        self._ended(answer)

    def stop(self) -> None:
        """SIGTERM to its group, SIGKILL if that does not help."""
        if self._deaf:
            self._world.agenda.after(KILL_AFTER, self.kill, KILLED)
        else:
            self.kill(TERMINATED)

    def kill(self, status: int = KILLED) -> None:
        """It ends where it stands; what it has done is done."""
        if self._work is None:
            return
        if self._asleep:
            self._pending = status
            return
        self._world.agenda.cancel(self._entry)
        work, self._work = self._work, None
        work.close()  # what it has locked is free
        self._ended(Answer(status))
