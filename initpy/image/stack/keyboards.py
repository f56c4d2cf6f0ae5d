"""Describes the keyboards of a system and the buses that they hang on (R37), from sysfs.

A host-only image needs just these drivers, whatever the bus: PS/2, USB, I2C, SPI, Hyper-V's, ….
"""

from collections.abc import Iterator
from dataclasses import replace

from initpy.image.stack import buses
from initpy.image.stack.layers import Kind, Layer, Stack
from initpy.image.stack.system import System

CLASS = "/sys/class/input"
# Keys that only a keyboard has, besides buttons: Enter, A, Z, space (input-event-codes.h).
KEYS = (28, 30, 44, 57)
WORD = 64  # bits in a word of the list of keys


def keyboards(system: System) -> Iterator[Layer]:
    """Yield each keyboard, and the layers below it."""
    for name in system.names(CLASS):
        path = system.real(f"{CLASS}/{name}")
        if not name.startswith("input") or path is None:
            continue
        if not _has_letters(system.text(f"{path}/capabilities/key") or ""):
            continue
        on, layers = buses.climb(system, path)
        if layers:  # one without is made by a program (uinput)
            label = (system.text(f"{path}/name") or name).strip()
            yield Layer(f"input:{name}", Kind.KEYBOARD, f"keyboard {label}", on=on)
            yield from layers


def _has_letters(text: str) -> bool:
    try:
        words = [int(each, 16) for each in text.split()]
    except ValueError:
        return False
    bits = sum(word << (WORD * place) for place, word in enumerate(reversed(words)))
    return all(bits >> key & 1 for key in KEYS)


def serving(stack: Stack) -> dict[str, list[Layer]]:
    """Return for each keyboard, by its name, the layers below it."""
    known = {layer.identity: layer for layer in stack.layers}
    found: dict[str, list[Layer]] = {}
    for layer in stack.layers:
        if layer.kind is Kind.KEYBOARD:
            waiting, below = [*layer.on], dict[str, Layer]()
            while waiting:
                each = waiting.pop()
                if each not in below:
                    below[each] = known[each]
                    waiting += known[each].on
            found[layer.name] = [*below.values()]
    return found


def only_for_keyboards(stack: Stack) -> frozenset[str]:
    """Return the identities of layers that no file system, volume or key stands on."""
    known = {layer.identity: layer for layer in stack.layers}
    others = [each.identity for each in stack.layers
              if not each.identity.startswith(("bus:", "input:"))]  # fmt: skip
    waiting, needed = others, set[str]()
    while waiting:
        each = waiting.pop()
        if each not in needed:
            needed.add(each)
            waiting += known[each].on
    # A description by hand may have buses alone.
    below = {layer.identity for layers in serving(stack).values() for layer in layers}
    inputs = {each.identity for each in stack.layers if each.kind is Kind.KEYBOARD}
    return frozenset((below - needed) | inputs)


def without_keyboards(stack: Stack) -> Stack:
    """Return the stack without keyboards and what only they hang on."""
    gone = only_for_keyboards(stack)
    return replace(stack, layers=tuple(each for each in stack.layers if each.identity not in gone))
