"""The tree as text, and the failure screen around it; at most 76 columns wide where it can."""

import textwrap

from initpy.core.tree import Node

WIDTH = 76


def render(node: Node, now: float) -> str:
    """The tree, two columns of indentation a level; times in seconds before `now`."""
    return "\n".join(_lines(node, now, 0))


def _lines(node: Node, now: float, depth: int) -> list[str]:
    indent = "  " * depth
    times = []
    if node.since is not None:
        times.append(f"for {max(0.0, now - node.since):.0f} s")
    if node.left is not None:
        times.append(f"{node.left:.0f} s left")
    head = f"{node.label}: {node.state}" + (f" ({', '.join(times)})" if times else "")
    lines = _wrap(head, f"{indent}- ", f"{indent}  ")
    if node.reason:
        lines += _wrap(node.reason, f"{indent}    ", f"{indent}    ")
    for child in node.children:
        lines += _lines(child, now, depth + 1)
    return lines


def _wrap(text: str, first: str = "", others: str = "") -> list[str]:
    """Lines of at most WIDTH columns, but a word stays whole: people copy UUIDs and paths."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )


def failure_screen(reason: str, node: Node, now: float) -> str:
    """What people see when the root does not come: why, and what to type."""
    rule = "=" * WIDTH
    return "\n".join(
        (
            rule,
            *_wrap(f"initpy: {reason}"),
            "",
            render(node, now),
            "",
            "What to do: compare root= on the command line with the devices above.",
            "  cat /proc/cmdline            what was asked for",
            "  initpy status                this tree, as it is now",
            "  dmesg | tail                 what the kernel says",
            rule,
        )
    )
