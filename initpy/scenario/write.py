"""Writes a scenario as a file that `load_scenario` reads back to an equal value.

It omits defaults, and writes the tables in the order of tests/scenarios/README.md. The standard
library can only read TOML; TOML 1.0 is simple enough to write.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from initpy.scenario.acts import Cue, Damage, Person
from initpy.scenario.hibernation import awake
from initpy.scenario.ibft import FirmwareTable
from initpy.scenario.model import Disk, Expectation, Layer, Scenario
from initpy.scenario.network import ADDRESS, OF_IPV6, PORTS
from initpy.scenario.places import pattern_bytes
from initpy.scenario.servers import Nic, Server, Times, machine_address, machine_address_6

Value = str | float | bool | tuple[str, ...]
_PLAIN = re.compile(r"[a-z0-9-]+")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_FACTORS = (("T", 1 << 40), ("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10))


def write_scenario(scenario: Scenario, path: Path, comment: str = "") -> None:
    """Write the file; `comment` becomes comment lines at its start."""
    path.write_text(scenario_text(scenario, comment), encoding="utf-8")


def scenario_text(scenario: Scenario, comment: str = "") -> str:
    """Return the text of the scenario's file."""
    remarks = [f"# {line}".rstrip() for line in comment.splitlines()]
    blocks = ["\n".join(remarks)] if remarks else []
    blocks += ["\n".join(lines) for lines in _blocks(scenario)]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _blocks(scenario: Scenario) -> Iterator[list[str]]:
    yield [
        *_pair("title", scenario.title, None),
        *_pair("requirements", scenario.requirements, ()),
        *_pair("slow", scenario.slow, False),
    ]
    yield _table(
        "[machine]",
        *_pair("memory", float(scenario.memory), 1024.0),
        *_pair("cmdline", scenario.cmdline, ""),
        *_pair("second-console", scenario.second, False),
        *_pair("restarts", scenario.restarts, False),
        *_pair("hibernates", scenario.hibernates, ""),
        *_pair("again", scenario.again, ""),
        *_pair("machine", scenario.machine.value, "auto"),
        *_pair("boots", float(scenario.boots), 1.0),
        *_pair("shutdown", scenario.shutdown, ""),
        *_pair("step-timeout", scenario.step_timeout, 0.0),
        *_pair("firmware", "uefi" if scenario.uefi else "none", "none"),
        *_pair("loader", scenario.loader.value, "systemd-boot"),
    )
    for entry in scenario.entries:
        yield _table(
            "[[entry]]",
            *_pair("name", entry.name, None),
            *_pair("cmdline", entry.cmdline, ""),
            *_pair("tries", float(entry.tries or 0), 0.0),
        )
    yield from (_disk(disk) for disk in scenario.disks)
    for layer in scenario.layers:
        yield from _layer(awake(layer, scenario.hibernates))
    yield _table(
        "[image]",
        *_pair("without", scenario.variant.without, ()),
        *_pair("jobs", scenario.variant.jobs, ()),
        *_pair("compression", scenario.variant.compression, ""),
        *_pair("microcode", scenario.variant.microcode, False),
        *_pair("host", scenario.variant.host, ""),
        *_pair("minimal", scenario.variant.minimal, False),
        *_pair("hostname", scenario.variant.hostname, ""),
        *_pair("made", scenario.variant.made, ""),
    )
    yield _table("[image.files]", *_pairs(scenario.files))
    yield from (_nic(nic) for nic in scenario.nics)
    yield from (_server(server) for server in scenario.servers)
    yield from _firmware("ibft", scenario.ibft)
    yield from _firmware("nbft", scenario.nbft)
    for share in scenario.shares:
        yield [
            "[[share]]",
            *_pair("kind", share.kind, None),
            *_pair("tag", share.tag, None),
            *_pair("serves", share.disk, None),
        ]
    yield from (_person(person) for person in scenario.people)
    for fault in scenario.faults:
        deed = f"{fault.deed.value} {fault.argument}".strip()
        yield ["[[fault]]", *_cue(fault.cue), *_pair("do", deed, None)]
    for tool in scenario.tools:
        yield [
            "[[tool]]",
            *_pair("program", tool.program, None),
            *_pair("with", tool.arguments, ""),
            *_pair(str(tool.way), float(tool.times), None),
            *([] if tool.ends is None else _pair("ends", tool.ends, None)),
        ]
    for each in scenario.syscalls:
        yield [
            "[[syscall]]",
            *_pair("call", each.call.value, None),
            *_pair("fails", float(each.fails), None),
            *_pair("skip", float(each.skip), 0.0),
        ]
    yield _table("[limits]", *(line for pair in scenario.limits for line in _pair(*pair, None)))
    yield _table("[simulation]", *(line for pair in scenario.chance for line in _pair(*pair, None)))
    yield from (_damage(damage) for damage in scenario.damages)
    yield from _expectation(scenario.expect)


def _disk(disk: Disk) -> list[str]:
    usual = disk.arrives is None
    return [
        "[[disk]]",
        *_pair("name", disk.name, None),
        *([] if disk.path_of else _pair("size", _size(disk.size), None)),
        *_pair("bus", disk.bus, "scsi" if disk.path_of else "virtio"),
        *_pair("copy_of", disk.copy_of, ""),
        *_pair("path_of", disk.path_of, ""),
        *_pair("image", disk.image, ""),
        *_pair("present", disk.present, usual),
        *([] if disk.arrives is None else _pair("arrives", disk.arrives, None)),
        *_pair("announced", disk.announced, 0.0),
        *([] if disk.rate is None else _pair("rate", _size(disk.rate), None)),
        *_pair("hangs", disk.hangs, False),
    ]


def _layer(layer: Layer) -> Iterator[list[str]]:
    size = _size(layer.size) if layer.size is not None else ""
    argon2 = " ".join(map(str, layer.argon2)) if layer.argon2 is not None else ""
    yield [
        "[[layer]]",
        *_pair("kind", layer.kind, None),
        *_pair("group", layer.group, ""),
        *_pair("name", layer.name, ""),
        *_pair("on", layer.on, ()),
        *_pair("type", layer.type, ""),
        *_pair("size", size, ""),
        *_pair("uuid", layer.uuid, ""),
        *_pair("label", layer.label, ""),
        *_pair("metadata", layer.metadata, ""),
        *_pair("homehost", layer.homehost, "any"),
        *_pair("renamed", layer.renamed, ""),
        *_pair("system-id", layer.system_id, ""),
        *_pair("inodes", layer.inodes, 0),
        *_pair("left", layer.left, ""),
        *_pair("passphrase", layer.passphrase, ""),
        *_pair("keyfile", layer.keyfile, ""),
        *_pair("header", layer.header, ""),
        *_pair("argon2", argon2, ""),
        *_pair("cipher", layer.cipher, ""),
        *_pair("integrity", layer.integrity, ""),
        *_pair("hash", layer.hash, ""),
        *_pair("host-id", layer.host_id, ""),
        *_pair("bootfs", layer.bootfs, ""),
        *_pair("profile", layer.profile, ""),
        *_pair("log", layer.log, ()),
        *_pair("subvolume", layer.subvolume, ""),
        *_pair("subvolumes", layer.subvolumes, ()),
        *_pair("default", layer.default, False),
        *_pair("swapfile", str(layer.swapfile) if layer.swapfile else "", ""),
        *_pair("holds", layer.holds, ""),
        *_pair("system", layer.system, ""),
        *_pair("programs", layer.programs, ()),
    ]
    yield _table("[layer.files]", *_pairs(layer.files))
    for part in layer.parts:
        yield [
            "[[layer.part]]",
            *_pair("name", part.name, None),
            *_pair("size", _size(part.size) if part.size is not None else "", ""),
            *_pair("label", part.label, ""),
            *_pair("uuid", part.uuid, ""),
            *_pair("type", part.type, ""),
        ]
    for dataset in layer.datasets:
        yield [
            "[[layer.dataset]]",
            *_pair("name", dataset.name, None),
            *_pair("mountpoint", dataset.mountpoint, "legacy"),
            *_pair("canmount", dataset.canmount, "on"),
            *_pair("passphrase", dataset.passphrase, ""),
            *_pair("keyfile", dataset.keyfile, ""),
            *_pair("holds", dataset.holds, ""),
        ]
        yield _table("[layer.dataset.files]", *_pairs(dataset.files))
    for name, space in layer.volumes:
        yield ["[[layer.volume]]", *_pair("name", name, None), *_pair("size", _size(space), "")]


def _nic(nic: Nic) -> list[str]:
    return [
        "[[nic]]",
        *_pair("name", nic.name, None),
        *_times("carrier", nic.carrier),
        *([] if nic.lease is None else _pair("lease", nic.lease, None)),
        *_pair("switch", nic.switch, ""),
        *_pair("vlan", nic.vlan, 0),
    ]


def _server(server: Server) -> list[str]:
    return [
        "[[server]]",
        *_pair("name", server.name, None),
        *_pair("kind", server.kind, None),
        *_pair("serves", server.serves, ()),
        *_pair("nic", server.nic, None),
        *_pair("address", server.address, _usual_address(server)),
        *_pair("port", float(server.port), float(PORTS[server.kind])),
        *_pair("target", server.target, ""),
        *_pair("login", server.login, ()),
        *_pair("login_in", server.login_in, ()),
        *_pair("admits", server.admits, ""),
        *_pair("refers", server.refers, ""),
        *_pair("moved_to", server.moved_to, ""),
        *_pair("for_good", server.for_good, False),
        *_times("up", server.times),
        *_pair("export", server.export, ""),
        *_pair("versions", server.versions, ()),
        *_pair("tls", server.tls, False),
        *_pair("refuses", server.refuses, False),
        *_pair("withdraws", server.withdraws, False),
        *_pair("link", server.link, ""),
        *_pair("pseudo_root", server.pseudo_root, False),
        *_pair("root_path", server.root_path, ""),
        *_pair("resolves", server.resolves, ""),
        *_pair("resolves_to", server.resolves_to, ()),
        *_pair("mtu", server.mtu, 0),
        *_pair("relayed", server.relayed, False),
        *(_pair("lease", server.lease, 3600.0) if server.kind == "dhcp" else []),
    ]


def _firmware(kind: str, table: FirmwareTable | None) -> Iterator[list[str]]:
    if table is None:
        return
    yield [f"[{kind}]", *_pair("initiator", table.initiator, "")]
    for path in table.paths:
        yield [
            f"[[{kind}.path]]",
            *_pair("nic", path.nic, None),
            *_pair("server", path.server, None),
            *_pair("address", path.address, ""),
            *_pair("gateway", path.gateway, ""),
            *_pair("vlan", float(path.vlan), 0.0),
            *_pair("unit", float(path.unit), 0.0),
        ]


def _usual_address(server: Server) -> str:
    if server.kind in OF_IPV6:
        return machine_address_6(server.nic)
    exported = server.kind in ("dhcp", "nvme") or server.export
    return machine_address(server.nic) if exported else ADDRESS


def _times(first: str, times: Times) -> list[str]:
    return [
        *_pair(first, "never" if times.up is None else times.up, 0.0),
        *([] if times.down is None else _pair("down", times.down, None)),
        *([] if times.back is None else _pair("back", times.back, None)),
    ]


def _person(person: Person) -> list[str]:
    return [
        "[[person]]",
        *_pair("name", person.name, ""),
        *_cue(person.cue),
        *_pair("type", person.text, None),
        *_pair("pace", person.pace, 0.0),
        *_pair("console", "second" if person.second else "first", "first"),
    ]


def _cue(cue: Cue) -> list[str]:
    return [
        *([] if cue.at is None else _pair("at", cue.at, None)),
        *([] if cue.when is None else _pair("when", cue.when.pattern, None)),
        *_pair("after", cue.after, 0.0),
    ]


def _damage(damage: Damage) -> list[str]:
    lines = ["[[damage]]", *_pair("disk", damage.disk, None), *_pair("at", float(damage.at), None)]
    for kind in ("zero", "random"):
        if damage.data == pattern_bytes(kind, len(damage.data)):
            return [*lines, *_pair(kind, _size(len(damage.data)), None)]
    return [*lines, *_pair("bytes", damage.data.hex(" "), None)]


def _expectation(expect: Expectation) -> Iterator[list[str]]:
    yield [
        "[expect]",
        *_pair("outcome", expect.outcome.value, None),
        *_pair("within", expect.within, 120.0),
        *_pair("console", tuple(each.pattern for each in expect.console), ()),
        *_pair("second", tuple(each.pattern for each in expect.second), ()),
        *_pair("never", tuple(each.pattern for each in expect.never), ()),
        *_pair("unchanged", expect.unchanged, ()),
    ]
    yield _table("[expect.facts]", *_pairs((key, each.pattern) for key, each in expect.facts))


def _table(header: str, *lines: str) -> list[str]:
    """Return the lines of a table; nothing for an empty one."""
    return [header, *lines] if lines else []


def _pairs(pairs: Iterable[tuple[str, str]]) -> list[str]:
    return [line for key, value in pairs for line in _pair(key, value, None)]


def _pair(key: str, value: Value, default: Value | None) -> list[str]:
    """Return the line of a key; nothing for the default."""
    if value == default:
        return []
    bare = key if _PLAIN.fullmatch(key) or key.isidentifier() else _string(key)
    return [f"{bare} = {_value(value)}"]


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, tuple):
        return f"[{', '.join(_string(each) for each in value)}]"
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _string(text: str) -> str:
    """Return a TOML string; a literal one if that avoids doubled backslashes."""
    if "\\" in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    shown = (
        _ESCAPES.get(each) or (each if each.isprintable() else f"\\U{ord(each):08X}")
        for each in text
    )
    return f'"{"".join(shown)}"'


def _size(size: int) -> str:
    for letter, factor in _FACTORS:
        if size % factor == 0:
            return f"{size // factor}{letter}"
    return str(size)
