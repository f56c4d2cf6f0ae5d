"""Find out more for the failure screen and `initpy status` than the core's tree tells.

Imported only when either is shown. A child process reads devices of doubtful content and looks for
devices without a driver. The screen names those that did not answer in time.
"""

import asyncio
from collections.abc import Mapping
from functools import partial

from initpy.core.explanation import Node
from initpy.core.failure.damaged_metadata import doubtful, with_remnants
from initpy.core.failure.driverless import Unclaimed, with_unclaimed
from initpy.core.tuples import NamedTuple
from initpy.runtime.aside import Answer, Aside, Call, answered_within

SOON = 3.0  # seconds until the screen is shown without missing answers
LATE = 30.0  # seconds for late answers, which are told below the screen
DRIVERS = "devices without a driver"


class Found(NamedTuple):
    """What was found so far."""

    remnants: Mapping[str, str] = {}  # device node -> its damaged superblock
    notes: Mapping[str, str] = {}  # device node -> why it could not be read
    unclaimed: tuple[Unclaimed, ...] | None = None  # None: not known yet


class Look:
    """A search for what may explain a failure; `within` may be called again for late answers."""

    def __init__(self, aside: Aside, tree: Node, limit: float = LATE) -> None:
        calls: dict[str, Call] = {
            f"remnant {node}": partial(_remnant, node) for node in dict.fromkeys(doubtful(tree))
        }
        calls[DRIVERS] = _drivers
        self._answers = aside.ask_all(calls, limit)
        self._began = asyncio.get_running_loop().time()

    async def within(self, seconds: float) -> Found:
        """Return the findings when all answers are there, or after so many seconds."""
        await answered_within(seconds, *self._answers.values())
        since = asyncio.get_running_loop().time() - self._began
        remnants, notes, unclaimed = {}, {}, None
        for key, future in self._answers.items():
            answer = future.result() if future.done() else None
            if key == DRIVERS:
                unclaimed = _unclaimed(answer)
                continue
            node = key.partition(" ")[2]
            if answer is None:
                notes[node] = f"could not be read: no answer within {since:.0f} s"
            elif answer.error:
                notes[node] = f"could not be read: {answer.error}"
            elif answer.value:
                remnants[node] = answer.value
        return Found(remnants, notes, unclaimed)


def completed(tree: Node, found: Found, waiting: Mapping[str, float]) -> Node:
    """Add the findings to the tree.

    `waiting` has devices whose superblock is being read for udev's event, and since how many
    seconds.
    """
    notes = dict(found.notes)
    for name, seconds in waiting.items():
        notes[f"/dev/{name}"] = f"no answer for {seconds:.0f} s to a read of its superblock"
    tree = _with_notes(with_remnants(tree, found.remnants), notes)
    if found.unclaimed is not None:
        return with_unclaimed(tree, found.unclaimed)
    silent = Node(DRIVERS, "not known", reason="the search for them has not ended yet")
    return tree._replace(children=(*tree.children, silent))


def news(before: Found, after: Found) -> list[str]:
    """Return the findings that are new, a line each."""
    lines = [
        f"{node}: {text}" for node, text in after.remnants.items() if node not in before.remnants
    ]
    if before.unclaimed is None and after.unclaimed:
        tree = with_unclaimed(Node("", ""), after.unclaimed)
        lines += [f"{each.label}: {each.state}: {each.reason}" for each in tree.children]
    return lines


def _with_notes(tree: Node, notes: Mapping[str, str]) -> Node:
    if not notes:
        return tree
    children = tuple(_with_notes(each, notes) for each in tree.children)
    note = notes.get(tree.label.split(maxsplit=1)[0] if tree.label else "")
    reason = "; ".join(filter(None, (tree.reason, note))) if note else tree.reason
    return tree._replace(reason=reason, children=children)


def _unclaimed(answer: Answer | None) -> tuple[Unclaimed, ...] | None:
    if answer is None or answer.value is None:
        return None
    return tuple(
        Unclaimed(**{**each, "absent": tuple(each["absent"]), "present": tuple(each["present"])})
        for each in answer.value
    )


# In a child


def _remnant(node: str) -> str:
    from initpy.runtime.damaged_metadata import look

    return look(node)


def _drivers() -> list[dict[str, object]]:
    from initpy.runtime.driverless import look

    return [each._asdict() for each in look()]
