"""A goal of the boot: what must be reached before the real system starts.

Goals stand in the order in which they are reached: check < mount < extra mounts < what
else is registered. The handover follows when all are.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from initpy.core.tuples import NamedTuple

if TYPE_CHECKING:
    from initpy.core.state.context import Context


class Goal(NamedTuple):
    """The hooks of a goal: whether it is reached, and what is still missing, for the user."""

    name: str
    reached: Callable[["Context"], bool]
    missing: Callable[["Context"], str]


def all_reached(context: "Context", wanted: Iterable[Goal]) -> bool:
    """True when every goal is reached."""
    return all(goal.reached(context) for goal in wanted)


def first_missing(context: "Context", wanted: Iterable[Goal]) -> str:
    """What the first goal that is not reached still lacks; "" when all are reached."""
    return next((goal.missing(context) for goal in wanted if not goal.reached(context)), "")
