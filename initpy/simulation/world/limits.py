"""What the simulator cannot do, in words; the rest it does."""

from collections.abc import Iterator

from initpy.scenario.acts import Deed
from initpy.scenario.model import Scenario

PLENTY = 512  # MiB; with less the real kernel's and tools' needs decide
_DEEDS = {
    Deed.FILL_RUN: "what tools do when /run is full",
    Deed.SIGNAL_INIT: "signals to the real process 1",
}


def beyond(scenario: Scenario) -> Iterator[str]:
    """What this scenario asks of the real kernel or the real tools."""
    if scenario.uefi:
        yield "what UEFI firmware and a boot loader do and say before the kernel starts"
    if scenario.memory < PLENTY:
        yield f"what fits into {scenario.memory} MiB of memory"
    for deed, words in _DEEDS.items():
        if any(fault.deed is deed for fault in scenario.faults):
            yield words
