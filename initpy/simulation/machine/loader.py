"""The boot loader of a machine with several entries: it takes a try of the one that it boots."""

from dataclasses import replace

from initpy.config.counting import counted
from initpy.scenario.model import BootEntry, Loader, Scenario
from initpy.simulation.machine.prepared import Prepared, prepare


class BootLoader:
    """What is left to each entry; like the disks, it outlives a restart."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._left = {entry.name: entry.tries for entry in scenario.entries}

    def boot(self) -> Prepared:
        """Boot the first entry with tries left, or else the first; one without counters has any."""
        entries = self._scenario.entries
        if not entries:
            return prepare(self._scenario)
        entry = next((each for each in entries if self._left[each.name] != 0), entries[0])
        left = self._left[entry.name]
        if left is None:
            return self._prepared(entry)
        left = self._left[entry.name] = max(0, left - 1)
        done = (entry.tries or 0) - left
        if self._scenario.loader is Loader.GRUB:
            return self._prepared(entry, f"initpy.tries={left}")
        prepared = self._prepared(entry)
        path = f"\\loader\\entries\\{entry.name}+{left}-{done}.conf"
        return replace(prepared, settings=prepared.settings._replace(counting=counted(path)))

    def _prepared(self, entry: BootEntry, *words: str) -> Prepared:
        words = (self._scenario.cmdline, entry.cmdline, *words)
        cmdline = " ".join(filter(None, words))
        return prepare(replace(self._scenario, cmdline=cmdline, entries=()))
