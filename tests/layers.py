"""Print what each layer of the tests took, at the end of a run.

A test that boots names its kind of machine: `record_property("machine", "QEMU")`.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

# Folders of tests and what they are called.
LAYERS = {
    "tests/unit/": "unit tests",
    "tests/simulation/": "simulated scenarios",
    "tests/properties/": "properties",
    "tests/debian/": "hooks in a Debian",
    "tests/boot/": "boots",
}


@dataclass(slots=True)
class Total:
    """The tests of a layer and their seconds; tests that ran side by side add up."""

    tests: set[str] = field(default_factory=set)
    seconds: float = 0.0


def totals(reports: Iterable[pytest.TestReport]) -> dict[str, Total]:
    """Sum up set-up, test and tear-down by layer, the longest first."""
    found = list(reports)
    # Set-up is reported before a test can name its machine.
    machines = {
        each.nodeid: f" in {value}"
        for each in found
        for name, value in each.user_properties
        if name == "machine"
    }
    by_layer: defaultdict[str, Total] = defaultdict(Total)
    for each in found:
        names = (name for folder, name in LAYERS.items() if each.nodeid.startswith(folder))
        total = by_layer[next(names, "other tests") + machines.get(each.nodeid, "")]
        total.tests.add(each.nodeid)
        total.seconds += each.duration
    return dict(sorted(by_layer.items(), key=lambda item: -item[1].seconds))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a line for each layer."""
    reports = (
        each
        for category in terminalreporter.stats.values()
        for each in category
        if isinstance(each, pytest.TestReport)
    )
    by_layer = totals(reports)
    if not by_layer:
        return
    terminalreporter.section("seconds by layer (parallel tests add up)")
    for name, total in by_layer.items():
        terminalreporter.line(f"{total.seconds:8.1f}  {name} ({len(total.tests)})")
