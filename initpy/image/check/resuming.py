"""Judges the device of a hibernated system that an image names, against the one of now (R20).

The image has it in its own parameters, which the command line overrides (see `mounting` for that).
"""

from collections.abc import Iterator

from initpy.config.commandline import parse
from initpy.config.devicespec import parse_device
from initpy.core.settings import Settings
from initpy.image.check.keyfiles import AGAIN
from initpy.image.check.proof import Row, Verdict
from initpy.image.stack.layers import RESUME, Stack
from initpy.image.stack.names import is_named

TITLE, NEED = "the boot", "hibernated system"
SAID = ("resume", "noresume", "hibernate")


def rows(stack: Stack, settings: Settings, cmdline: str) -> Iterator[Row]:
    """Yield the row of an image of initpy; none if neither it nor the machine names a device."""
    if any(each.key in SAID for each in parse(cmdline).parameters):
        return
    named, now = settings.resume, stack.resume
    if named is None:
        if now:
            reason = f"it would be on {now}, and the image names no device: it is lost; {AGAIN}"
            yield Row(TITLE, NEED, Verdict.WARNING, reason)
        return
    layer = next((each for each in stack.layers if each.fact(RESUME)), None)
    found = [each for each in stack.layers if is_named(named.source, each)]
    if not now and not found:
        yield _absent(str(named.source))
    elif not now or named.source == parse_device(now):
        here = not now or (layer is not None and layer.fact(RESUME) == now)
        reason = f"looks on {named.source} first"
        yield Row(TITLE, NEED, Verdict.OK, reason) if here else _absent(now)
    elif layer is not None and layer in found:
        yield Row(TITLE, NEED, Verdict.OK, f"looks on {named.source} first, which is {now}")
    else:
        reason = (
            f"the image looks on {named.source}, and this machine hibernates to {now}: it is lost, "
            f"and root may wait for the other; {AGAIN}"
        )
        yield Row(TITLE, NEED, Verdict.WARNING, reason)


def _absent(name: str) -> Row:
    return Row(TITLE, NEED, Verdict.WARNING, f"{name} is absent: root waits for it")
