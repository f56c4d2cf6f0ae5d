"""Devices that no driver has claimed, and what would help (R23)."""

from initpy.core.explanation import Advice, Node
from initpy.core.tuples import NamedTuple


class Unclaimed(NamedTuple):
    """A device of the kernel without a driver.

    `what` says what it is as far as that can be told. `absent` are the modules that
    would drive it and are not in the image, `present` modules of the image that did not drive it.
    `unknown` says why the modules could not be found out.
    `local`: it may lead to a disk, not to a network.
    """

    name: str
    what: str
    absent: tuple[str, ...] = ()
    present: tuple[str, ...] = ()
    unknown: str = ""
    local: bool = True


def with_unclaimed(tree: Node, found: tuple[Unclaimed, ...]) -> Node:
    """The tree with the devices that may hide a disk."""
    nodes = tuple(
        Node(f"{each.name}: {each.what}", "no driver", reason=_why(each)) for each in found
    )
    return tree._replace(children=(*tree.children, *nodes))


def advice_for(found: tuple[Unclaimed, ...]) -> tuple[Advice, ...]:
    """How to come by the drivers that are not in the image."""
    modules = tuple(
        dict.fromkeys(each for device in found if device.local for each in device.absent)
    )
    if not modules:
        return ()
    options = " ".join(f"--driver {each}" for each in modules)
    text = (
        "Devices have no driver in this image. On a system that runs (an older image, a live one):"
    )
    return (Advice(text, ((f"initpy build {options}", "makes an image that has them"),)),)


def _why(device: Unclaimed) -> str:
    if device.absent:
        return f"module {' or '.join(device.absent)} would drive it; it is not in this image"
    if device.present:
        names = " or ".join(device.present)
        return f"module {names} is in this image but does not drive it: see dmesg"
    if device.unknown:
        return f"its module is not known: {device.unknown}"
    return "this kernel has no module for it"
