"""Name each test as soon as it fails: a run that is cut off would show no name."""

from dataclasses import dataclass

import pytest


@dataclass(slots=True)
class Naming:
    """Writes a line, with what the test failed for, between the dots."""

    terminal: pytest.TerminalReporter

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a failed set-up, test or tear-down."""
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            reason = str(crash.message).partition("\n")[0] if crash is not None else ""
            self.terminal.write("\n")  # it knows nothing of the dots in this line
            self.terminal.write_line(f"{report.when} of {report.nodeid} failed: {reason}")


@pytest.hookimpl(trylast=True)  # the terminal goes first
def pytest_configure(config: pytest.Config) -> None:
    """Name tests where they are reported, not in the workers that run them."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Naming(terminal))
