"""The tree that explains a boot: what root needs, what each part waits for, and why."""

from typing import NamedTuple


class Node(NamedTuple):
    """One line of the tree.

    `state` is one word; `since` is the time (same clock as the events) at
    which it was entered; `left` the seconds until something happens by itself,
    None when nothing will; `reason` says what it waits for, or went wrong.
    """

    label: str
    state: str
    since: float | None = None
    left: float | None = None
    reason: str = ""
    children: tuple["Node", ...] = ()
