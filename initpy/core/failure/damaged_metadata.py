"""Damaged contents: devices that show none, or that mdadm does not take, and why (R23)."""

from collections.abc import Iterator, Mapping

from initpy.core.tree import Node

DOUBTFUL = ("no known content", "linux_raid_member")


def doubtful(tree: Node) -> Iterator[str]:
    """The device nodes in the tree whose content may be damaged."""
    if tree.label.startswith("/dev/") and tree.reason.startswith(DOUBTFUL):
        yield tree.label.split()[0]
    for each in tree.children:
        yield from doubtful(each)


def with_remnants(tree: Node, found: Mapping[str, str]) -> Node:
    """The tree with what was found on these nodes."""
    if not found:
        return tree
    children = tuple(with_remnants(each, found) for each in tree.children)
    remnant = found.get(tree.label.split()[0])
    if remnant is None or not tree.reason.startswith(DOUBTFUL):
        return tree._replace(children=children)
    _, comma, rest = tree.reason.partition(", ")
    reason = f"{remnant}{comma}{rest}"
    return tree._replace(state="damaged", reason=reason, children=children)
