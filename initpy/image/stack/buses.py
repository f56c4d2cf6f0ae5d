"""Describes the path from a device to the root of its bus: each node with a driver (sysfs(5))."""

from collections.abc import Iterator
from itertools import zip_longest

from initpy.image.stack.layers import Ask, Kind, Layer
from initpy.image.stack.system import System

DEVICES = "/sys/devices"
VIRTUAL = f"{DEVICES}/virtual"
CONTROLLERS = "/sys/bus/gpio/devices"
BY_GPIO = ("i2c", "spi", "serial")  # buses without interrupts of their own


def climb(system: System, path: str) -> tuple[tuple[str, ...], tuple[Layer, ...]]:
    """Return the identities directly below a device, and all layers up to the root of its bus."""
    layers = tuple(_climb(system, path, set()))
    return tuple(layer.identity for layer in layers[:1]), layers


def _climb(system: System, path: str, seen: set[str]) -> Iterator[Layer]:
    nodes = [node for node in _parents(path) if system.real(f"{node}/driver")]
    for node, above in zip_longest(nodes, nodes[1:]):
        if node in seen:
            return
        seen.add(node)
        # Suppliers are what a device needs besides its bus, by ACPI or the device tree: clocks,
        # regulators, PHYs (Documentation/driver-api/device_link.rst). Parents may be among them.
        links = (name for name in system.names(node) if name.startswith("supplier:"))
        found = (system.real(f"{node}/{link}/supplier") for link in links)
        suppliers = [
            supplier
            for supplier in (*found, *_interrupts(system, node))
            if supplier and supplier not in nodes and system.real(f"{supplier}/driver")
        ]
        below = [f"bus:{each}" for each in (above, *suppliers) if each]
        yield _node(system, node, tuple(below))
        for supplier in suppliers:
            yield from _climb(system, supplier, seen)


def _interrupts(system: System, node: str) -> Iterator[str]:
    """Yield the GPIO controllers, if a device may have its interrupt of one, as on I2C with ACPI.

    Its driver waits for the controller's, and no device link tells which one it is.
    """
    bus = (system.real(f"{node}/driver") or "").split("/")[3:4]
    by_acpi = (system.text(f"{node}/modalias") or "").startswith("acpi:")
    if by_acpi and bus and bus[0] in BY_GPIO:
        for name in system.names(CONTROLLERS):
            if real := system.real(f"{CONTROLLERS}/{name}"):
                yield real.rpartition("/")[0]


def _parents(path: str) -> Iterator[str]:
    """Yield the path and its parents, up to /sys/devices."""
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
    """Return a device's ask: its modalias, and the module that drives it on this system."""
    alias = (system.text(f"{node}/modalias") or "").strip()
    module = (system.real(f"{node}/driver/module") or "").rpartition("/")[2]
    # A built-in driver may have a folder in /sys/module too, but without initstate.
    loaded = bool(module) and system.text(f"/sys/module/{module}/initstate") is not None
    names = tuple(dict.fromkeys(name for name in (alias, module, driver) if name))
    return Ask(names, why, (module,) if loaded else (), works=True)


def host_driver(system: System, path: str) -> Ask | None:
    """Return the driver of a disk's SCSI host if the host has no hardware, as with iSCSI."""
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
    """Return an ask by name; `using` is the module of such a name that is loaded here."""
    plain = (name.replace("-", "_") for name in names)
    loaded = (each for each in plain if system.text(f"/sys/module/{each}/initstate") is not None)
    return Ask(names, why, tuple(loaded)[:1], works=True)
