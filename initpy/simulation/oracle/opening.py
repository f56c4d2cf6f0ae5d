"""Whether an encrypted volume can be opened: its header, its keys, what users type."""

from initpy.scenario.model import Layer
from initpy.simulation.oracle.items import Expected, Item
from initpy.simulation.oracle.sure import Sure
from initpy.simulation.oracle.users import answers, types_elsewhere
from initpy.simulation.oracle.wishes import BY_ID, Key

UNANSWERED = "no user types its passphrase"


def locked(expected: Expected, layer: Layer, below: Item, item: Item) -> None:
    """Say of an encrypted volume whether it can be used: that stands on what opens it."""
    if layer.argon2 or "luks" in expected.wishes.off:
        item.usable = item.whole = min(Sure.UNSURE, below.usable)
        return
    opened = _opened(expected, layer, item)
    if layer.header:
        opened = min(opened, _header(expected, layer, item))
    item.usable, item.whole = min(below.usable, opened), min(below.whole, opened)


def _header(expected: Expected, layer: Layer, item: Item) -> Sure:
    """Whether the header that users name is the volume's, and comes."""
    said = expected.volume(layer)
    key = said.header if said is not None else None
    if key is None:
        item.why = "its header is elsewhere"
        return Sure.NO
    name, _, path = layer.header.partition(":")
    found = expected.items[name]
    if path:
        label = found.layer.label if found.layer is not None else ""
        right = key.path == path and key.device is not None and key.device.value == label
    else:
        image = next(each.image for each in expected.scenario.disks if each.name == name)
        places = (image,) if image else (f"{BY_ID}{name}", f"/dev/disk/by-uuid/{layer.uuid}")
        right = key.device is None and key.path in places
        if image and right:
            return Sure.YES
    if not right:
        return Sure.UNSURE
    item.comes, item.hangs = max(item.comes, found.comes), item.hangs or found.hangs
    item.why = "its header does not come" if found.usable is Sure.NO else item.why
    return found.usable


def _opened(expected: Expected, layer: Layer, item: Item) -> Sure:
    if not expected.wanted_volume(layer):
        item.why = "it is not wanted"
        return Sure.NO
    named = expected.volume(layer)
    if expected.wishes.unclear or (named is not None and named.odd):
        return Sure.UNSURE
    if named is not None and named.key is not None:
        return _keyed(expected, layer, named.key, item)
    return typed(expected, layer, item)


def _keyed(expected: Expected, layer: Layer, key: Key, item: Item) -> Sure:
    """The key opens it where it is to be had; else a user may."""
    if key.path != layer.keyfile or key.odd:
        return Sure.UNSURE
    if key.device is None:
        return Sure.YES if key.path in dict(expected.scenario.files) else Sure.UNSURE
    for other in expected.scenario.layers:
        label = other.label if key.device.how == "LABEL" else ""
        if label and label == key.device.value and layer.keyfile in dict(other.files):
            stick = expected.items[other.name or f"fs:{other.on[0]}"]
            if stick.usable is Sure.YES:
                item.comes = max(item.comes, stick.comes)
                return Sure.YES
            if stick.usable is Sure.UNSURE:
                return max(Sure.UNSURE, typed(expected, layer, item))
    return typed(expected, layer, item)


def typed(expected: Expected, layer: Layer, item: Item) -> Sure:
    """Whether users type the passphrase of a volume when they are asked for it."""
    named = expected.volume(layer)
    mapping = named.name if named is not None else f"luks-{layer.uuid}"
    words = answers(expected.scenario, mapping)
    right = f"{layer.passphrase}\n"
    same = [
        each
        for each in expected.scenario.layers
        if each.passphrase == layer.passphrase and each.name != layer.name
    ]
    if not words:
        item.why = UNANSWERED
        return Sure.UNSURE if same or types_elsewhere(expected.scenario) else Sure.NO
    tries = named.tries if named is not None else 3
    wrong = words.index(right) if right in words else len(words)
    strangers = sum(1 for each in expected.scenario.layers if each.kind.startswith("luks")) - 1
    if wrong < tries:
        # What a user types late for a volume that has been opened meanwhile lands here.
        return Sure.YES if wrong + strangers < tries else Sure.UNSURE
    item.why = f"{tries} wrong passphrases"
    return Sure.UNSURE if same or wrong < len(words) else Sure.NO
