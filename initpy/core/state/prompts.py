"""The owner of prompts: who wants to ask the user, what is asked now, who waits for an answer."""

from initpy.core.actions import Reply, Withdraw
from initpy.core.state.current_event import CurrentEvent


class Prompts:
    """One prompt is up at a time; the others queue in the order in which they came."""

    def __init__(self, current: CurrentEvent) -> None:
        self.current = current
        self.asking: str | None = None  # the instance whose prompt is up
        self.queued: dict[str, None] = {}  # those that want to ask, in their order
        self._requests: dict[str, list[int]] = {}  # of the shell, by instance

    def queue(self, key: str) -> None:
        """Have the user asked for this instance when its turn comes."""
        if key not in self.queued:
            self.queued[key] = None
            self.current.stir()

    def put(self, key: str) -> None:
        """Note that the prompt of this instance is up now."""
        self.asking = key
        self.current.stir()

    def taken(self, key: str) -> bool:
        """The user has answered: its prompt is down. True if it was still wanted."""
        if self.asking == key:
            self.asking = None
            self.current.stir()
        wanted = key in self.queued
        self.queued.pop(key, None)
        return wanted

    def drop(self, key: str, reason: str) -> None:
        """The user need not be asked for this instance any more."""
        self.queued.pop(key, None)
        if self.asking == key:
            self.asking = None
            self.current.stir()
            self.current.act(Withdraw(key, reason))

    def promise(self, key: str, request: int) -> None:
        """Reply to this request of the shell when the instance's attempt has come to an end."""
        self._requests.setdefault(key, []).append(request)

    def reply(self, key: str, done: bool, text: str) -> None:
        """Answer all requests that wait for this instance."""
        for request in self._requests.pop(key, ()):
            self.current.act(Reply(request, done, text))
