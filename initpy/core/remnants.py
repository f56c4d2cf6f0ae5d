"""Damaged contents: devices that show none, and what is left of one there (R23)."""

from collections.abc import Iterator, Mapping

from initpy.core.tree import Node

UNKNOWN = "no known content"


def unknown(tree: Node) -> Iterator[str]:
    """The device nodes in the tree that show no content."""
    if tree.label.startswith("/dev/") and tree.reason.startswith(UNKNOWN):
        yield tree.label.split()[0]
    for each in tree.children:
        yield from unknown(each)


def with_remnants(tree: Node, found: Mapping[str, str]) -> Node:
    """The tree with what was found on these nodes."""
    if not found:
        return tree
    children = tuple(with_remnants(each, found) for each in tree.children)
    remnant = found.get(tree.label.split()[0]) if tree.reason.startswith(UNKNOWN) else None
    if remnant is None:
        return tree._replace(children=children)
    reason = tree.reason.replace(UNKNOWN, remnant, 1)
    return tree._replace(state="damaged", reason=reason, children=children)
