"""The owner of subjects that the core makes from others: sets of parts, and what jobs list.

No event tells of them. An engine that is new makes them again, from the parts that it is told of
and from the lists that its jobs print (R5).
"""

import re
from collections.abc import Iterable, Mapping

from initpy.core.devices.graph import LISTED, SET, Device
from initpy.core.devices.marks import BELOW_ROOT, PARTS
from initpy.core.devices.marks import LISTED as LISTED_AS
from initpy.core.devices.marks import SET as SET_OF
from initpy.core.jobs.definitions import Gathering, JobDefinition, Listing
from initpy.core.jobs.filling import fill_in
from initpy.core.shutdown.declared import DeclaredLayer


class Derived:
    """Which devices are parts of which set, and what was listed on which subject."""

    def __init__(self) -> None:
        # Subjects as they are to be taken in, None: gone.
        self.queued: dict[str, Device | None] = {}
        self._parts: dict[str, dict[str, Device]] = {}  # set -> its parts
        self._sets: dict[str, Device] = {}  # as they were told
        self._part_of: dict[str, tuple[str, JobDefinition]] = {}
        self._listed: dict[str, dict[str, set[str]]] = {}  # subject -> kind -> listed on it

    # Sets

    def gather(self, device: Device, job: JobDefinition) -> bool:
        """The device is a part of its set, as it is now; False if nothing says of which."""
        assert job.gathers is not None
        key = fill_in(job.gathers.by, device.properties)
        if not key:
            return False
        name = f"{job.gathers.kind}/{key}"
        if self._part_of.get(device.name, (name,))[0] != name:
            self.leave(device.name)
        self._part_of[device.name] = name, job
        self._parts.setdefault(name, {})[device.name] = device
        self._tell(name, job.gathers)
        return True

    def job_of(self, device: str) -> JobDefinition | None:
        """The job that has made this device a part of a set, if one has."""
        return self._part_of[device][1] if device in self._part_of else None

    def shutdowns(self) -> dict[DeclaredLayer, set[str]]:
        """How sets are taken down at shutdown where a job file says so, and their names."""
        found: dict[DeclaredLayer, set[str]] = {}
        for name, job in self._part_of.values():
            if job.gathers is not None and job.gathers.shutdown is not None:
                found.setdefault(job.gathers.shutdown, set()).add(name)
        return found

    def leave(self, device: str) -> None:
        """The device is no part of its set any more; a set without parts is gone."""
        if device not in self._part_of:
            return
        name, job = self._part_of.pop(device)
        del self._parts[name][device]
        assert job.gathers is not None
        if self._parts[name]:
            self._tell(name, job.gathers)
        else:
            del self._parts[name], self._sets[name]
            self.queued[name] = None

    def _tell(self, name: str, gathering: Gathering) -> None:
        parts = self._parts[name]
        properties = {
            key: value
            for key in gathering.keeps
            for part in parts.values()
            if (value := part.properties.get(key)) is not None
        }
        properties |= {SET_OF: gathering.kind, PARTS: " ".join(sorted(parts))}
        properties["DEVNAME"] = fill_in(gathering.called, properties) or name
        told = Device(name, properties, slaves=frozenset(parts), kind=SET)
        if self._sets.get(name) != told:
            self._sets[name] = self.queued[name] = told

    # Lists

    def list_on(self, subject: Device, listing: Listing, output: str) -> None:
        """A job has listed this on its subject: nothing else of the kind is there now."""
        before = self._listed.setdefault(subject.name, {}).get(listing.kind, set())
        fixed = {key: fill_in(text, subject.properties) for key, text in listing.properties}
        found = {}
        for match in re.finditer(listing.line, output, re.MULTILINE):
            known = {key: text for key, text in match.groupdict().items() if text}
            if node := known.get("DEVNAME"):
                name = f"{listing.kind}/{node}"
                found[name] = _listed(name, {**fixed, **known}, listing, subject)
        self.queued |= dict.fromkeys(before - found.keys())
        self.queued |= found
        self._listed[subject.name][listing.kind] = set(found)

    def forget(self, subject: str) -> None:
        """The subject is gone, and with it what was listed on it."""
        for names in self._listed.pop(subject, {}).values():
            self.queued |= dict.fromkeys(names)

    def take(self) -> Iterable[tuple[str, Device | None]]:
        """Take the subjects that have changed; None: gone."""
        queued, self.queued = self.queued, {}
        return queued.items()


def _listed(name: str, known: Mapping[str, str], listing: Listing, subject: Device) -> Device:
    properties = {**known, LISTED_AS: listing.kind}
    if listing.unready is not None and listing.unready.accepts(properties):
        properties["SYSTEMD_READY"] = "0"  # as udev says it of block devices
    if place := properties.get(listing.below_root):
        properties[BELOW_ROOT] = place
    return Device(name, properties, slaves=frozenset((subject.name,)), kind=LISTED)
