"""Damaged contents: devices that show none, or that their tool does not take, and why (R23)."""

from collections.abc import Iterator, Mapping

from initpy.core.explanation import Node


def doubtful(tree: Node) -> Iterator[str]:
    """The device nodes in the tree whose content may be damaged."""
    if tree.doubtful:
        yield tree.doubtful
    for each in tree.children:
        yield from doubtful(each)


def with_remnants(tree: Node, found: Mapping[str, str]) -> Node:
    """The tree with what was found on these nodes, in place of what udev says is there."""
    if not found:
        return tree
    children = tuple(with_remnants(each, found) for each in tree.children)
    remnant = found.get(tree.doubtful) if tree.doubtful else None
    if remnant is None:
        return tree._replace(children=children)
    _, comma, rest = tree.reason.partition(", ")
    reason = f"{remnant}{comma}{rest}"
    return tree._replace(state="damaged", reason=reason, children=children)
