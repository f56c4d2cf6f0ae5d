"""Draw the device stack of a machine, from a scenario file or from a boot's journal.

For a scenario file (.toml) the command draws the layers on the disks. For a journal it draws the
devices that the boot found, with those that disappeared again.

examples:
  initpy graph tests/scenarios/lvm-on-luks-on-raid1.toml
  initpy graph /run/initpy/journal.jsonl
  initpy graph --svg stack.svg FILE
  initpy graph --dot FILE | dot -Tpng -o stack.png
  initpy graph --json FILE

exit status: 0, or 2 for wrong input.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from initpy.cli.reading import name_of, read_journal
from initpy.config.errors import InputError
from initpy.report import graph
from initpy.report.graph import Box
from initpy.scenario.model import Disk, Layer, Scenario
from initpy.scenario.servers import Server, Times

SIZES = (("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10))


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's parameters."""
    parser.add_argument("file", metavar="FILE", type=Path, help="a scenario file or a journal")
    parser.add_argument("--svg", metavar="FILE", type=Path, help="write an SVG picture")
    parser.add_argument("--dot", action="store_true", help="print a graph for Graphviz")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Draw the stack; return the exit status."""
    path: Path = arguments.file
    if path.suffix == ".toml":
        from initpy.scenario.parse import load_scenario

        scenario = load_scenario(path)
        boxes, title = tuple(stack(scenario)), f"{scenario.name}: {scenario.title}"
    else:
        boxes, title = graph.seen(read_journal(path)), name_of(path)
    if arguments.svg is not None:
        try:
            arguments.svg.write_text(graph.svg(boxes, title), encoding="utf-8", errors="replace")
        except OSError as error:
            raise InputError("--svg", str(arguments.svg), f"a file to write ({error.strerror})") \
                from None  # fmt: skip
    if arguments.dot:
        print(graph.dot(boxes, title), end="")
    elif arguments.json:
        print(graph.as_json(boxes))
    elif arguments.svg is None:
        from initpy.report.drawing import Console

        console = Console(highlight=False)
        console.print(title, style="bold", markup=False)
        for each in graph.tree(boxes):
            console.print(each)
    return 0


def stack(scenario: Scenario) -> Iterator[Box]:
    """Yield the boxes of a scenario: disks, partitions, layers."""
    names = _names(scenario)
    for nic in scenario.nics:
        lease = [f"lease in {nic.lease:g} s"] if nic.lease else []
        yield Box(_nic(nic.name), "network card", (*_times("cable", nic.carrier), *lease))
    for server in scenario.servers:
        where = f"{server.address}:{server.port}"
        words = filter(None, (where, server.target, *_times("up", server.times)))
        kind = f"{server.kind} server"
        yield Box(_server(server), kind, tuple(words), (_nic(server.nic),))
    for disk in scenario.disks:
        store, paths = scenario.server_of(disk.name), _paths(scenario, disk.name)
        if store is not None:
            yield Box(disk.name, "network disk", (_size(disk.size),), (_server(store),))
        else:
            kind = "path" if disk.path_of or paths else "disk"
            yield Box(disk.name, kind, tuple(_of_disk(disk)), ())
        if paths:
            yield Box(names[disk.name], "multipath", (_size(disk.size),), (disk.name, *paths))
    for number, layer in enumerate(scenario.layers):
        on = tuple(names.get(each, each) for each in _below(scenario, number))
        if layer.kind == "partitions":
            for part in layer.parts:
                words = filter(None, (part.label, part.type, _size(part.size)))
                yield Box(f"{on[0]} {part.name}", "partition", tuple(words), on)
        else:
            yield Box(_name(layer, number), layer.kind, tuple(_of_layer(layer)), on)
        for name, size in layer.volumes:
            yield Box(names[name], "volume", (_size(size),), (_name(layer, number),))


def _nic(name: str) -> str:
    return f"card {name}"


def _server(server: Server) -> str:
    return f"server {server.name}"


def _times(what: str, times: Times) -> Iterator[str]:
    """Yield when a cable or server comes and goes; nothing if it is always there."""
    if times.up is None:
        yield f"{what} never"
    elif times.up:
        yield f"{what} after {times.up:g} s"
    if times.down is not None:
        yield f"gone after {times.down:g} s"
    if times.back is not None:
        yield f"back after {times.back:g} s"


def _name(layer: Layer, number: int) -> str:
    if layer.kind == "lvm":
        return f"{layer.group}/{layer.name}"
    return layer.name or layer.label or f"{layer.kind} {number + 1}"


def _names(scenario: Scenario) -> dict[str, str]:
    """Return name of a disk, layer or partition in the file -> name of its box."""
    found = {disk.name: disk.name for disk in scenario.disks}
    for disk in scenario.disks:
        if paths := _paths(scenario, disk.name):
            found[disk.name] = f"{disk.name} by {len(paths) + 1} paths"
    for number, layer in enumerate(scenario.layers):
        for part in layer.parts:
            found[part.name] = f"{found.get(layer.on[0], layer.on[0])} {part.name}"
        if layer.name and layer.kind != "partitions":
            found[layer.name] = _name(layer, number)
        found |= {volume: f"{layer.name}/{volume}" for volume, _ in layer.volumes}
    return found


def _paths(scenario: Scenario, name: str) -> tuple[str, ...]:
    """Return the other paths to a disk."""
    return tuple(each.name for each in scenario.disks if each.path_of == name)


def _below(scenario: Scenario, number: int) -> tuple[str, ...]:
    """Return the names directly below a layer; for a group's other volumes, the group's."""
    layer = scenario.layers[number]
    header = (layer.header.partition(":")[0],) if layer.header else ()
    if layer.on or not layer.group:
        return (*layer.on, *(each for each in header if each not in layer.on))
    first = next(each for each in scenario.layers if each.group == layer.group and each.on)
    return first.on


def _of_disk(disk: Disk) -> Iterator[str]:
    if not disk.path_of:
        yield _size(disk.size)
    yield disk.bus
    if disk.arrives is not None:
        yield f"arrives after {disk.arrives:g} s"
    elif not disk.present:
        yield "absent"
    if disk.copy_of:
        yield f"a copy of {disk.copy_of}"
    if disk.image:
        yield f"in the image: {disk.image}"


def _of_layer(layer: Layer) -> Iterator[str]:
    """Yield the properties of a layer to display; never a passphrase (R14)."""
    yield from filter(None, (layer.type, layer.left))
    if layer.label:
        yield f"LABEL={layer.label}"
    if layer.uuid:
        yield f"UUID={layer.uuid}"
    if layer.holds:
        yield f"holds {layer.holds}"


def _size(size: int | None) -> str:
    unit, factor = next(((unit, factor) for unit, factor in SIZES if size and size % factor == 0),
                        ("", 1))  # fmt: skip
    return f"{size // factor}{unit}" if size else ""
