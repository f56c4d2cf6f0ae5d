"""Format the tree, and the failure screen around it, in 76 columns where words allow it."""

import textwrap

from initpy.core.explanation import Advice, Node

WIDTH = 76
COMMAND_WIDTH = 30


def render(node: Node, now: float) -> str:
    """Return the tree, indented two columns per level; times in seconds before `now`."""
    return "\n".join(_lines(node, now, 0))


def render_json(node: Node, now: float) -> str:
    """Return the tree as JSON; times in seconds since the kernel started, as in the journal."""
    import json

    return json.dumps({"now": round(now, 3), "tree": _plain(node)}, indent=1)


def _plain(node: Node) -> dict[str, object]:
    return {**node._asdict(), "children": [_plain(each) for each in node.children]}


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
    for holder in node.held:
        lines += _wrap(f"held by {holder}", f"{indent}    ", f"{indent}      ")
    for child in node.children:
        lines += _lines(child, now, depth + 1)
    return lines


def _wrap(text: str, first: str = "", others: str = "") -> list[str]:
    """Wrap at WIDTH columns, but keep words whole: users copy UUIDs and paths."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )


def failure_screen(reason: str, node: Node, now: float, advice: tuple[Advice, ...] = ()) -> str:
    """Return the screen for a root that does not come: the reason, the tree, what to type."""
    rule = "=" * WIDTH
    lines = [rule, *_wrap(f"initpy: {reason}"), "", render(node, now), ""]
    for each in advice:
        lines += _wrap(each.text)
        for command, effect in each.commands:
            lines += _command(command, effect)
    return "\n".join((*lines, rule))


def _command(command: str, effect: str) -> list[str]:
    """Return a line to type, in one piece, with its effect beside it or below."""
    line = f"  {command:<{COMMAND_WIDTH}}  {effect}".rstrip()
    if len(command) <= COMMAND_WIDTH and len(line) <= WIDTH:
        return [line]
    return [f"  {command}", *_wrap(effect, "      ", "      ")]
