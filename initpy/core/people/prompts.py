"""The owner of prompts: who wants to ask the user, what is asked now, who waits for an answer."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from initpy.core.actions import Reply, Withdraw
from initpy.core.machine.present import Present


@dataclass(slots=True)
class Prompts:
    """One prompt is up at a time; the others queue in the order in which they came."""

    present: Present
    _queue: dict[str, None] = field(default_factory=dict)
    _asking: str | None = None
    _requests: dict[str, list[int]] = field(default_factory=dict)  # of the shell, by instance

    @property
    def asking(self) -> str | None:
        """The instance whose prompt is up."""
        return self._asking

    def queue(self, key: str) -> None:
        """Have the user asked for this instance when its turn comes."""
        self._queue.setdefault(key)

    def queued(self) -> Iterable[str]:
        """The instances that want to ask, in their order, with the instance that asks."""
        return tuple(self._queue)

    def __contains__(self, key: str) -> bool:
        return key in self._queue

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, key: str) -> None:
        """Note that the prompt of this instance is up now."""
        self._asking = key
        self.present.stir()

    def taken(self, key: str) -> bool:
        """The user has answered: its prompt is down. True if it was still wanted."""
        if self._asking == key:
            self._asking = None
            self.present.stir()
        wanted = key in self._queue
        self._queue.pop(key, None)
        return wanted

    def drop(self, key: str, reason: str) -> None:
        """The user need not be asked for this instance any more."""
        self._queue.pop(key, None)
        if self._asking == key:
            self._asking = None
            self.present.stir()
            self.present.act(Withdraw(key, reason))

    def promise(self, key: str, request: int) -> None:
        """Reply to this request of the shell when the instance's attempt has come to an end."""
        self._requests.setdefault(key, []).append(request)

    def promised(self, key: str) -> bool:
        """True while a request waits for this instance."""
        return key in self._requests

    def reply(self, key: str, done: bool, text: str) -> None:
        """Answer all requests that wait for this instance."""
        for request in self._requests.pop(key, ()):
            self.present.act(Reply(request, done, text))
