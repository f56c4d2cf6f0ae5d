"""Draw the device stack of a machine as text, SVG, DOT and JSON."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from initpy.core.tuples import NamedTuple
from initpy.report.journal import listed, table
from initpy.report.markup import clean, element

if TYPE_CHECKING:
    from initpy.report.drawing import Tree


class Box(NamedTuple):
    """A disk or a layer."""

    name: str  # unique
    kind: str  # one word: disk, raid1, luks2, ext4
    words: tuple[str, ...] = ()  # for the reader: UUID, label, state
    on: tuple[str, ...] = ()  # names of the boxes below
    gone: bool = False  # it was seen and has vanished


# Content below another device is named by its kind; its UUID is of no interest.
CARRIED = ("linux_raid_member", "crypto_LUKS", "LVM2_member", "bcache")


def seen(journal: Iterable[Mapping[str, Any]]) -> tuple[Box, ...]:
    """Return the devices of a journal as they were last seen."""
    known: dict[str, Mapping[str, Any]] = {}
    gone: set[str] = set()
    for record in journal:
        kind = record["kind"]
        changed = [record.get("device")] if kind == "DeviceChanged" else []
        devices = [*changed, *listed(record.get("devices"))]
        if kind == "Enumerated":
            gone |= known.keys()
        for device in map(table, devices):
            known[str(device.get("name"))] = device
            gone.discard(str(device.get("name")))
        if kind == "DeviceRemoved":
            gone.add(str(record.get("name")))
    return tuple(
        _box(name, device, name in gone)
        for name, device in known.items()
        if listed(device.get("slaves")) or table(device.get("properties")).get("size") != "0"
    )


def _box(name: str, device: Mapping[str, Any], gone: bool) -> Box:
    known = {str(key): str(value) for key, value in table(device.get("properties")).items()}
    get = known.get
    on = tuple(sorted(map(str, listed(device.get("slaves")))))
    if name.startswith("md"):
        kind = get("md/level") or get("MD_LEVEL") or "array"
    elif name.startswith("dm-"):
        kind = get("DM_UUID", "").partition("-")[0].lower() or "mapping"
    else:
        kind = get("DEVTYPE") or "device"
    content = get("ID_FS_TYPE", "")
    words = [get("DM_NAME", ""), get("md/array_state", ""), "" if on else get("ID_SERIAL", "")]
    words.append(content)
    if content not in CARRIED:
        names = ("LABEL", get("ID_FS_LABEL")), ("UUID", get("ID_FS_UUID"))
        words += [f"{key}={value}" for key, value in names if value]
    return Box(name, kind, tuple(filter(None, words)), on, gone)


def tops(boxes: Sequence[Box]) -> list[Box]:
    """Return the boxes on top, the deepest stacks first."""
    below = {name for box in boxes for name in box.on}
    depths = levels(boxes)
    found = [box for box in boxes if box.name not in below]
    return sorted(found, key=lambda box: -depths[box.name])


def levels(boxes: Sequence[Box]) -> dict[str, int]:
    """Return how many layers each box is above the disks; a box in a circle counts as a disk."""
    by_name = {box.name: box for box in boxes}
    found: dict[str, int] = {}
    for box in boxes:
        pending: list[tuple[str, tuple[str, ...]]] = [(box.name, ())]
        while pending:
            name, path = pending.pop()
            if name in found:
                continue
            below = [each for each in by_name[name].on if each in by_name and each not in path]
            unknown = [each for each in below if each not in found and each != name]
            if unknown:
                pending.append((name, path))
                pending += [(each, (*path, name)) for each in unknown]
            else:
                found[name] = 1 + max((found[each] for each in below if each in found), default=-1)
    return found


def label(box: Box) -> str:
    """Return a box as one line."""
    words = " ".join((box.kind, *box.words))
    return f"{box.name}: {words}" + (" (gone)" if box.gone else "")


def tree(boxes: Sequence[Box]) -> "list[Tree]":
    """Return a tree for each stack, from top to disks; a box that was shown is named only."""
    from initpy.report.drawing import Text, Tree

    by_name = {box.name: box for box in boxes}
    shown: set[str] = set()

    def grow(box: Box, parent: "Tree | None") -> "Tree":
        again = box.name in shown and bool(box.on)
        text = Text(f"{box.name}: see above" if again else label(box))
        text.stylize("dim" if box.gone or again else "bold", 0, len(box.name))
        node = Tree(text) if parent is None else parent.add(text)
        if not again:
            shown.add(box.name)
            for name in box.on:
                grow(by_name.get(name, Box(name, "not seen")), node)
        return node

    return [grow(box, None) for box in tops(boxes)]


def dot(boxes: Sequence[Box], title: str) -> str:
    """Return the stack for Graphviz."""
    lines = [f"digraph {_quoted(title)} {{", "  rankdir=BT; node [shape=box fontname=sans];"]
    for box in boxes:
        text = "\\n".join(_quoted(each)[1:-1] for each in (box.name, box.kind, *box.words))
        style = " style=dashed" if box.gone else ""
        lines.append(f'  {_quoted(box.name)} [label="{text}"{style}];')
        lines += [f"  {_quoted(each)} -> {_quoted(box.name)};" for each in box.on]
    return "\n".join((*lines, "}", ""))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'


def as_json(boxes: Sequence[Box]) -> str:
    """Return the stack for programs."""
    return json.dumps([box._asdict() for box in boxes], indent=1)


WIDE, HIGH, GAP, RISE, EDGE = 210, 64, 26, 46, 20
LETTER = 6.6
STYLE = """
 text { fill: #1d2430; } .back { fill: #ffffff; } .dim { fill: #667085; }
 rect.box { fill: #f4f6f9; stroke: #8b93a5; } .gone rect { stroke-dasharray: 5 4; }
 .disk rect.box { fill: #e3edf7; } .top rect.box { fill: #e3f3ea; }
 path { fill: none; stroke: #8b93a5; stroke-width: 1.5; } .name { font-weight: 600; }
 @media (prefers-color-scheme: dark) {
  text { fill: #e6e9ef; } .back { fill: #14181f; } .dim { fill: #98a2b3; }
  rect.box { fill: #1f2530; } .disk rect.box { fill: #1d2c3d; } .top rect.box { fill: #1b3226; }
 }
"""


def svg(boxes: Sequence[Box], title: str) -> str:
    """Return the stack as a picture: disks at the bottom, each layer above its parts."""
    rows = _rows(boxes)
    width = max(2 * EDGE + max((len(row) for row in rows), default=1) * (WIDE + GAP) - GAP, 400)
    height = 2 * EDGE + 30 + len(rows) * (HIGH + RISE) - RISE
    places: dict[str, tuple[float, float]] = {}
    for number, row in enumerate(rows):
        left: float = (width - len(row) * (WIDE + GAP) + GAP) / 2
        for column, box in enumerate(row):
            y: float = height - EDGE - HIGH - number * (HIGH + RISE)
            places[box.name] = left + column * (WIDE + GAP), y
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'role="img" font-family="system-ui, sans-serif" font-size="12">',
        element("title", title),
        element("style", STYLE),
        f'<rect class="back" width="{width:.0f}" height="{height:.0f}"/>',
        f'<text class="name" x="{EDGE}" y="{EDGE + 6}" font-size="15">'
        f"{clean(_short(title, width / 1.25))}</text>",
    ]
    for box in boxes:
        x, y = places[box.name]
        for name in box.on:
            if name in places:
                from_x, from_y = places[name][0] + WIDE / 2, places[name][1]
                to_x, to_y = x + WIDE / 2, y + HIGH
                parts.append(
                    f'<path d="M{from_x:.0f} {from_y:.0f} C{from_x:.0f} {from_y - RISE / 2:.0f} '
                    f'{to_x:.0f} {to_y + RISE / 2:.0f} {to_x:.0f} {to_y:.0f}"/>'
                )
    highest = {box.name for box in tops(boxes)}
    for box in boxes:
        parts.append(_drawn(box, *places[box.name], top=box.name in highest))
    return "\n".join((*parts, "</svg>", ""))


def _rows(boxes: Sequence[Box]) -> list[list[Box]]:
    """Return the boxes by level, each above the middle of its parts."""
    depths = levels(boxes)
    rows: list[list[Box]] = [[] for _ in range(max(depths.values(), default=-1) + 1)]
    for box in boxes:
        rows[depths[box.name]].append(box)
    column: dict[str, float] = {}
    for row in rows:
        middles = {
            box.name: sum(column.get(each, 0.0) for each in box.on) / max(1, len(box.on))
            for box in row
        }
        row.sort(key=lambda box: (middles[box.name], box.name))
        for place, box in enumerate(row):
            column[box.name] = place - len(row) / 2
    return rows


def _drawn(box: Box, x: float, y: float, *, top: bool) -> str:
    style = "box-group" + ("" if box.on else " disk") + (" top" if top and box.on else "")
    style += " gone" if box.gone else ""
    lines = [(box.name, "name"), (box.kind, ""), (" ".join(box.words), "dim")]
    texts = "".join(
        f'<text class="{given}" x="{x + 10:.0f}" y="{y + 19 + 17 * number:.0f}">'
        f"{clean(_short(text))}</text>"
        for number, (text, given) in enumerate(lines)
    )
    return (
        f'<g class="{style}">{element("title", label(box))}<rect class="box" x="{x:.0f}" '
        f'y="{y:.0f}" width="{WIDE}" height="{HIGH}" rx="6"/>{texts}</g>'
    )


def _short(text: str, width: float = WIDE) -> str:
    room = int((width - 20) / LETTER)
    return text if len(text) <= room else f"{text[: room - 1]}…"
