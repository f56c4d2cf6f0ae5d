"""What a technology (md, LVM, btrfs) is to the boot: hooks, with a null object as default.

A technology is loaded when its first subject appears. A special case for one technology
stands in its own module, never in a caller of these hooks.
"""

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from initpy.core.devices.graph import Device
from initpy.core.events import JobEnded
from initpy.core.explanation import Node
from initpy.core.jobs.instance import Instance
from initpy.core.tuples import NamedTuple

if TYPE_CHECKING:
    from initpy.core.state.context import Context

_Owner = TypeVar("_Owner")


def _no_names(context: "Context", name: str) -> Iterable[str]:
    return ()


def _no_reason(context: "Context", instance: Instance) -> str:
    return ""


def _as_it_ended(context: "Context", instance: Instance, event: JobEnded) -> JobEnded:
    return event


def _nothing_left(context: "Context", instance: Instance) -> Iterable[str]:
    return ()


def _nothing_gone(context: "Context", device: Device | None, name: str) -> Iterable[str]:
    return ()


def _nothing(context: "Context") -> None:
    pass


def _never(context: "Context", name: str) -> bool:
    return False


def _nothing_to_do(context: "Context") -> bool:
    return False


def _no_names_to_look_at(context: "Context") -> Iterable[str]:
    return ()


def _no_words(context: "Context", device: Device) -> str:
    return ""


def _never_without(context: "Context", device: Device) -> bool:
    return False


def _no_name(device: Device) -> str:
    return ""


def _no_nodes(context: "Context") -> Iterable[Node]:
    return ()


def _no_condition(device: Device) -> tuple[str, str]:
    return "", ""


class Technology(NamedTuple):
    """The hooks of a technology; names are those of devices that must be looked at again.

    `changed`: a subject has appeared or changed, before its jobs are looked at. `looked`: they
    were. `gone`: a subject is forgotten. `blocks`: why a job must not run now, "" if it may.
    `judge`: a command of its layer has failed; what that is to mean. `ended`: an instance's
    command has ended, and its handler has seen that. `left`: an instance is not pending any more.
    `unsettled`: to be looked at again before this event is finished with. `incoming`: news of
    this device is still to come, and the handover should leave it to the real system. `keeps`: the
    handover must wait for a job of its own, which has a limit. `handover`: leave records.
    `overdue`: root's deadline is over; True if something else is tried now.
    `at_last`: no `overdue` has tried anything; True if something is taken that root= does not name.
    `part_of`: what the device is a part of, in words, if parts are missing. `may_lack_parts`: the
    user allows it to be used without them.
    `named`: the name by which the user asks for the device, in words, "" for none.
    `name_of`: what the user calls the device. `condition`: a word
    for what it is like and why, each "" if there is none but the usual. `nodes`: what the tree
    shows besides devices.
    """

    name: str
    changed: Callable[["Context", str], Iterable[str]] = _no_names
    looked: Callable[["Context", str], Iterable[str]] = _no_names
    gone: Callable[["Context", Device | None, str], Iterable[str]] = _nothing_gone
    blocks: Callable[["Context", Instance], str] = _no_reason
    judge: Callable[["Context", Instance, JobEnded], JobEnded] = _as_it_ended
    ended: Callable[["Context", Instance], Iterable[str]] = _nothing_left
    left: Callable[["Context", Instance], Iterable[str]] = _nothing_left
    unsettled: Callable[["Context"], Iterable[str]] = _no_names_to_look_at
    incoming: Callable[["Context", str], bool] = _never
    keeps: Callable[["Context"], bool] = _nothing_to_do
    handover: Callable[["Context"], None] = _nothing
    overdue: Callable[["Context"], bool] = _nothing_to_do
    at_last: Callable[["Context"], bool] = _nothing_to_do
    part_of: Callable[["Context", Device], str] = _no_words
    may_lack_parts: Callable[["Context", Device], bool] = _never_without
    named: Callable[["Context", Device], str] = _no_words
    name_of: Callable[[Device], str] = _no_name
    condition: Callable[[Device], tuple[str, str]] = _no_condition
    nodes: Callable[["Context"], Iterable[Node]] = _no_nodes


class Entry(NamedTuple):
    """How a technology is found: whether a subject is one of its own, and its hooks."""

    claims: Callable[[Device], bool]
    load: Callable[[], Technology]


@functools.cache
def _hooks(entries: tuple[Entry, ...]) -> dict[str, tuple[object, ...]]:
    """The hooks of these technologies that are not null, by name: the same for all boots."""
    null, found = Technology._field_defaults, dict[str, tuple[object, ...]]()
    for entry in entries:
        for name, each in entry.load()._asdict().items():
            if name in null and each is not null[name]:
                found[name] = (*found.get(name, ()), each)
    return found


class _Owners(dict[type, object]):
    """What only one module knows, by its class."""

    def __missing__(self, kind: type) -> object:
        made = self[kind] = kind()
        return made


class _Own(Protocol):
    """Return the owner of this kind."""

    def __call__(self, kind: type[_Owner], /) -> _Owner: ...


class Technologies:
    """The technologies that this boot has met: for each hook the functions that are not null."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries
        self.changed: tuple[Callable[[Context, str], Iterable[str]], ...] = ()
        self.looked: tuple[Callable[[Context, str], Iterable[str]], ...] = ()
        self.gone: tuple[Callable[[Context, Device | None, str], Iterable[str]], ...] = ()
        self.blocks: tuple[Callable[[Context, Instance], str], ...] = ()
        self.judge: tuple[Callable[[Context, Instance, JobEnded], JobEnded], ...] = ()
        self.ended: tuple[Callable[[Context, Instance], Iterable[str]], ...] = ()
        self.left: tuple[Callable[[Context, Instance], Iterable[str]], ...] = ()
        self.unsettled: tuple[Callable[[Context], Iterable[str]], ...] = ()
        self.incoming: tuple[Callable[[Context, str], bool], ...] = ()
        self.keeps: tuple[Callable[[Context], bool], ...] = ()
        self.handover: tuple[Callable[[Context], None], ...] = ()
        self.overdue: tuple[Callable[[Context], bool], ...] = ()
        self.at_last: tuple[Callable[[Context], bool], ...] = ()
        self.part_of: tuple[Callable[[Context, Device], str], ...] = ()
        self.may_lack_parts: tuple[Callable[[Context, Device], bool], ...] = ()
        self.named: tuple[Callable[[Context, Device], str], ...] = ()
        self.name_of: tuple[Callable[[Device], str], ...] = ()
        self.condition: tuple[Callable[[Device], tuple[str, str]], ...] = ()
        self.nodes: tuple[Callable[[Context], Iterable[Node]], ...] = ()
        self._met: tuple[Entry, ...] = ()
        self._waiting = list(self.entries)
        # The owner of what only one module knows, made when it is first asked for: asked for so
        # often that it is the dictionary's own.
        self.own: _Own = _Owners().__getitem__  # type: ignore[assignment]  # of this kind

    def meet(self, device: Device) -> None:
        """Load the technologies whose first subject this is."""
        for entry in self._waiting:
            if entry.claims(device):
                self._met += (entry,)
                vars(self).update(_hooks(self._met))
                self._waiting = [each for each in self._waiting if each is not entry]
