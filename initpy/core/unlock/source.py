"""A source of secrets: what it offers, how it is used, what becomes of it.

Obtaining a secret is apart from trying it: every source begins at once and in
parallel, and attempts on one volume come one after another. The first secret that
opens the volume ends the race. A new source is one module and one line in `SOURCES`
(registry.py).
"""

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING

from initpy.core.jobs.instance import Instance
from initpy.core.secret import Secret
from initpy.core.tuples import NamedTuple
from initpy.core.volumes import VolumeSpec

if TYPE_CHECKING:
    from initpy.core.state.context import Context
    from initpy.core.unlock.volume import Volume


class Offer(enum.Enum):
    """What a source has for a volume now."""

    NOTHING = "nothing"  # it is not asked for, or what it needs is not there yet
    BUSY = "busy"  # obtaining it
    READY = "ready"
    SPENT = "spent"  # it does not open the volume


def _nothing(context: "Context", instance: Instance, volume: "Volume") -> None:
    pass


class Source(NamedTuple):
    """The hooks of a source.

    `begin`: obtain what can be obtained now, or go on with it. `offer`: what there is.
    `take`: the attempt with what is ready. `refused`: it does not open the volume.
    `words`: what it is, for the user.
    """

    name: str
    offer: Callable[["Context", Instance, "Volume"], Offer]
    take: Callable[["Context", Instance, "Volume"], "Attempt"]
    words: Callable[[VolumeSpec], str]
    begin: Callable[["Context", Instance, "Volume"], None] = _nothing
    refused: Callable[["Context", Instance, "Volume"], None] = _nothing
    person: bool = False  # a user gave it: counts as a try, and may open other volumes
    known: bool = False  # it opened another volume
    # A tool that fails with it as often as it may need not be the volume's fault: others go on.
    dispensable: bool = False


class Attempt:
    """One secret that is being tried; kept where the tool failed, not the secret."""

    def __init__(
        self,
        source: Source,
        secret: Secret | None = None,
        words: tuple[str, ...] = ("--key-file", "-"),
    ) -> None:
        self.source = source
        self.secret = secret  # None: cryptsetup reads a file of the image
        self.words = words  # cryptsetup's arguments that say where it is
        self.overdue = False  # it takes so long that the user is asked beside it
        self.stopped = False  # what the user has typed meanwhile is to be tried instead

    def wipe(self) -> None:
        """Forget the secret."""
        if self.secret is not None:
            self.secret.wipe()


class Keyring:
    """Passphrases that opened a volume: others may have the same (R12)."""

    def __init__(self) -> None:
        self._secrets: list[Secret] = []

    def __len__(self) -> int:
        return len(self._secrets)

    def add(self, secret: Secret) -> None:
        """Keep a passphrase."""
        self._secrets.append(secret)

    def copy_of(self, number: int) -> Secret:
        """A copy of one, for an attempt that will wipe it."""
        return Secret(self._secrets[number].reveal())

    def wipe(self) -> None:
        """Forget all of them (R14)."""
        for each in self._secrets:
            each.wipe()
        self._secrets.clear()
