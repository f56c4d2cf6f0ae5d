"""The tree that explains a boot: what root needs, what each part waits for, and why."""

from initpy.core.tuples import NamedTuple


class Node(NamedTuple):
    """One line of the tree.

    `state` is a word or two; `since` is the time (same clock as the events) at
    which it was entered; `left` the seconds until something happens by itself,
    None when nothing will; `reason` says what it waits for, or went wrong;
    `held` names what keeps `left` from counting, owner and reason. `doubtful` is the node of a
    device whose content may be damaged: a look at the device itself may tell.
    """

    label: str
    state: str
    since: float | None = None
    left: float | None = None
    reason: str = ""
    children: tuple["Node", ...] = ()
    held: tuple[str, ...] = ()
    doubtful: str = ""


class Advice(NamedTuple):
    """What the user can do: a sentence, and lines to type with what each of them does."""

    text: str
    commands: tuple[tuple[str, str], ...] = ()
