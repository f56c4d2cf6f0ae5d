"""From a device up to the root of its bus: each node that a driver serves (sysfs(5))."""

from collections.abc import Iterator
from itertools import zip_longest

from initpy.image.stack.layers import Ask, Kind, Layer
from initpy.image.stack.system import System

DEVICES = "/sys/devices"
VIRTUAL = f"{DEVICES}/virtual"


def climb(system: System, path: str) -> tuple[tuple[str, ...], tuple[Layer, ...]]:
    """The identities that a device at this sysfs path stands on, and all layers from there up."""
    layers = tuple(_climb(system, path, set()))
    return tuple(layer.identity for layer in layers[:1]), layers


def _climb(system: System, path: str, seen: set[str]) -> Iterator[Layer]:
    nodes = [node for node in _parents(path) if system.real(f"{node}/driver")]
    for node, above in zip_longest(nodes, nodes[1:]):
        if node in seen:
            return
        seen.add(node)
        # What ACPI or a device tree says that a device needs besides its bus: a clock, a regulator,
        # a PHY (Documentation/driver-api/device_link.rst). Parents are there twice.
        links = (name for name in system.names(node) if name.startswith("supplier:"))
        found = (system.real(f"{node}/{link}/supplier") for link in links)
        suppliers = [
            supplier
            for supplier in found
            if supplier and supplier not in nodes and system.real(f"{supplier}/driver")
        ]
        below = [f"bus:{each}" for each in (above, *suppliers) if each]
        yield _node(system, node, tuple(below))
        for supplier in suppliers:
            yield from _climb(system, supplier, seen)


def _parents(path: str) -> Iterator[str]:
    """The path and those above it, as far as the folder of all devices."""
    while path.startswith(f"{DEVICES}/"):
        yield path
        path = path.rpartition("/")[0]


def _node(system: System, node: str, below: tuple[str, ...]) -> Layer:
    link = system.real(f"{node}/driver") or ""
    driver = link.rpartition("/")[2]
    bus = link.split("/")[3] if link.startswith("/sys/bus/") else ""
    return Layer(
        identity=f"bus:{node}",
        kind=Kind.BUS,
        name=f"{bus} {node.rpartition('/')[2]}".strip(),
        on=below,
        asks=(driver_ask(system, node, driver, f"{bus} driver {driver}".strip()),),
        facts=(("driver", driver),),
    )


def driver_ask(system: System, node: str, driver: str, why: str) -> Ask:
    """What a device asks for: its modalias, and the module that serves it here."""
    alias = (system.text(f"{node}/modalias") or "").strip()
    module = (system.real(f"{node}/driver/module") or "").rpartition("/")[2]
    # A built-in driver may have a folder below /sys/module too, but no state.
    loaded = bool(module) and system.text(f"/sys/module/{module}/initstate") is not None
    names = tuple(dict.fromkeys(name for name in (alias, module, driver) if name))
    return Ask(names, why, (module,) if loaded else (), works=True)


def host_driver(system: System, path: str) -> Ask | None:
    """What made the SCSI host of a disk where it has no hardware of its own, as for iSCSI."""
    for node in _parents(path):
        host = node.rpartition("/")[2]
        if host.startswith("host") and host[4:].isdigit():
            if any(system.real(f"{above}/driver") for above in _parents(node)):
                return None
            name = (system.text(f"/sys/class/scsi_host/{host}/proc_name") or "").strip()
            if name and name != "<NULL>":
                return module_ask(system, (name,), f"SCSI host {host}")
    return None


def module_ask(system: System, names: tuple[str, ...], why: str) -> Ask:
    """What is asked for by name; the module of that name is in use if it is loaded here."""
    plain = (name.replace("-", "_") for name in names)
    loaded = (each for each in plain if system.text(f"/sys/module/{each}/initstate") is not None)
    return Ask(names, why, tuple(loaded)[:1], works=True)
