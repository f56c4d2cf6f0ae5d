"""The course of a boot: what a journal says was done, on which devices, before what."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Record = Mapping[str, Any]
Place = tuple[str, int]  # kernel name, and how many of that name were there before
SERIALS = ("ID_SERIAL_SHORT", "ID_SERIAL")
# One job acts for a group of devices; on which of them depends on which came last.
OF_GROUPS = ("lvm-activate", "lvm-start")
TAKE_DOWN = "-take-down"  # how the names of jobs end that undo a look
# Whose failure is about this very device: a wrong key, a file system that cannot be mounted.
OF_VOLUMES = ("luks-open", "mount-root")
WHOLE = "the boot"
ASKED = "the user is asked"
OPENED = "luks-open done"
READ = "has its key or header"
# Jobs that run only when something takes longer than usual, that say the same again as often as a
# device is looked at, or that load early what would be loaded anyway (and may then be refused it).
PASSING = frozenset(
    {
        "md-examine",
        "md-volume-examine",
        "md-container-volumes",
        "md-monitor",  # mdmon 4.2 dies by itself at one start of thirty
        "luks-ciphers",
        "multipath-listens",
        "zfs-examine",
        "zfs-imported",
    }
)


class Decision(NamedTuple):
    """One decision, in words that do not depend on names or moments."""

    subject: str  # what the device is
    what: str

    def __str__(self) -> str:
        return f"{self.what} on {self.subject}" if self.subject != WHOLE else self.what


@dataclass(frozen=True, slots=True)
class Course:
    """The decisions of a boot in order, and what stands on what."""

    decisions: tuple[Decision, ...]
    below: Mapping[str, frozenset[str]]  # subject -> all that it stands on
    whole: bool = True  # False: lines of the journal were lost
    engines: int = 1
    cut: frozenset[Decision] = frozenset()  # jobs at work when an engine ended: only their names

    def may_have(self, decision: Decision) -> bool:
        """True when it was begun by an engine that ended before, and nothing tells how it ended."""
        return Decision(decision.subject, decision.what.partition(" ")[0]) in self.cut

    def related(self, one: Decision, other: Decision) -> bool:
        """True when the order of the two means something."""
        if one.subject == other.subject:
            # A volume's header or key is read while the user is asked for its passphrase.
            words = one.what, other.what
            return not (ASKED in words and any(each.endswith(READ) for each in words))
        if WHOLE in (one.subject, other.subject):
            return "mount" in one.what or "mount" in other.what
        return one.subject in self.below.get(other.subject, ()) or other.subject in self.below.get(
            one.subject, ()
        )


def course(journal: Iterable[Record], copies: Mapping[str, str] | None = None) -> Course:
    """The course of a boot from its journal.

    `copies`: disks that cannot be told from another, by serial numbers.
    """
    reading = _Reading(copies or {})
    for record in journal:
        reading.take(record)
    return reading.finish()


@dataclass(slots=True)
class _Reading:
    """One pass over a journal."""

    copies: Mapping[str, str]
    lives: Counter[str] = field(default_factory=Counter)  # of kernel names
    slaves: dict[Place, dict[Place, None]] = field(default_factory=dict)
    known: dict[Place, dict[str, str]] = field(default_factory=dict)
    running: dict[tuple[str, int], int] = field(default_factory=dict)  # place in `found`
    groups: dict[str, str] = field(default_factory=dict)  # job of a group -> the group
    found: list[tuple[Place | str, str]] = field(default_factory=list)
    names: dict[Place, str] = field(default_factory=dict)
    # Asked, and nothing was typed yet: a prompt that gives way comes back if there is time.
    asked: set[Place | str] = field(default_factory=set)
    whole: bool = True
    engines: int = 0
    cut: list[tuple[Place | str, str]] = field(default_factory=list)

    def take(self, record: Record) -> None:
        """One line."""
        match record["kind"]:
            case "EngineStarted":
                self._cut_off()
                self.asked.clear()
                self.engines += 1
            case "DeviceChanged":
                self._device(record["device"])
            case "Enumerated":
                there = {each["name"] for each in record["devices"]}
                for name, life in tuple(self.known):
                    if life == self.lives[name] and name not in there:
                        self.lives[name] += 1
                for each in record["devices"]:
                    self._device(each)
            case "DeviceRemoved":
                self.lives[record["name"]] += 1
            case "Run" | "StartCheck" | "Mount":
                if record["job"].startswith(OF_GROUPS):
                    self.groups[record["job"]] = str(record["argv"][-1])
                self._starts(record["job"], record["run"])
            case "JobEnded":
                # fsck(8): with 1 it has corrected something; a hint, say, as on no simulated disk.
                corrected = record["status"] == 1 and record["job"].startswith("fsck")
                failed = record["status"] != 0 and not corrected
                self._ends(record["job"], record["run"], "failed" if failed else "done")
            case "Fetch":
                self._starts(record["job"], -record["number"])
            case "Fetched":
                how = "has no key or header" if record.get("error") else READ
                self._ends(record["job"], -record["number"], how)
            case "Ask":
                about = self._about(record["job"])
                if about not in self.asked:
                    self.found.append((about, ASKED))
                self.asked.add(about)
            case "Answered" if record["secret"]:
                self.asked.discard(self._about(record["job"]))
            case "Lost":
                self.whole = False
            case "Report" if "starting degraded" in record["text"]:
                self.found.append((self._place(record["text"].partition(":")[0]), "degraded"))
            case "ShowFailure":
                self.found.append((WHOLE, "the failure screen"))
            case "OpenShell":
                self.found.append((WHOLE, "a shell"))
            case "EndBoot":
                self.found.append((WHOLE, str(record["how"])))
            case "HandOver":
                self.found.append((WHOLE, "mounted all, hands over"))

    def _place(self, name: str) -> Place:
        return name, self.lives[name]

    def _slave(self, name: str) -> Place:
        """Something has it open: it may be gone, and then its name is not given to another."""
        lives = ((name, life) for life in range(self.lives[name], -1, -1))
        return next((each for each in lives if each in self.known), self._place(name))

    def _device(self, device: Record) -> None:
        place = self._place(device["name"])
        self.known[place] = device["properties"]
        below = self.slaves.setdefault(place, {})
        below.update(dict.fromkeys(map(self._slave, device["slaves"])))

    def _about(self, job: str) -> Place | str:
        """The device that a job is about; a job of the boot itself has no order with others."""
        name, _, subject = job.partition("@")
        if job in self.groups:
            return f"group {self.groups[job].partition('/')[0]}"
        return self._place(subject) if subject else name

    def _starts(self, job: str, number: int) -> None:
        """It is decided here; how it ends is told later, or never if its engine dies."""
        if job.partition("@")[0] not in PASSING:
            self.running[job, number] = len(self.found)
            self.found.append((self._about(job), ""))

    def _cut_off(self) -> None:
        """The engine has ended: the journal does not tell how its running jobs end."""
        for (job, _), place in self.running.items():
            self.cut.append((self.found[place][0], job.partition("@")[0]))
        self.running.clear()

    def _ends(self, job: str, number: int, how: str) -> None:
        place = self.running.pop((job, number), None)
        if place is None:
            return
        name, _, subject = job.partition("@")
        about = self.found[place][0]
        gone = isinstance(about, tuple) and self.lives[about[0]] > about[1]
        if how == "failed" and gone and name.endswith(TAKE_DOWN):
            how = "done"  # the tool that took down what stood on it has taken it down as well
        if how == "failed" and subject and name not in OF_VOLUMES:
            about = name  # a tool that fails once does so for whichever device comes first
        what = f"{name} {how}"
        if not subject and (about, what) in self.found:
            what = ""  # done by the engine before
        elif not subject and how == "done":
            # Tried until there was what it needs: how often depends on when that came.
            failed = (about, f"{name} failed")
            self.found = [(about, "") if each == failed else each for each in self.found]
        self.found[place] = about, what

    def finish(self) -> Course:
        """The names of the devices are known only now: a late member belongs to its array's."""
        self._cut_off()
        # Opened without them by a key: whether the prompt had shown by then is a matter of pace.
        spared = {each for each in self.asked if (each, OPENED) in self.found}
        decisions = tuple(
            Decision(each if isinstance(each, str) else self.name(each), what)
            for each, what in self.found
            if what and not (what == ASKED and each in spared)
        )
        below = {self.name(each): frozenset(map(self.name, self._all(each))) for each in self.known}
        for each, known in self.known.items():
            if group := known.get("DM_VG_NAME"):
                name = f"group {group}"
                below[name] = below.get(name, frozenset()) | below[self.name(each)]
                below[self.name(each)] |= {name}
        cut = frozenset(
            Decision(each if isinstance(each, str) else self.name(each), job)
            for each, job in self.cut
        )
        return Course(decisions, below, self.whole, self.engines, cut)

    def _all(self, place: Place) -> Iterator[Place]:
        """All that a device stands on."""
        for each in self.slaves.get(place, {}):
            yield each
            yield from self._all(each)

    def name(self, place: Place) -> str:
        """What a device is."""
        if place not in self.names:
            self.names[place] = place[0]  # should it stand on itself
            self.names[place] = self._named(place)
        return self.names[place]

    def _set_named(self, name: str) -> str:
        """What a set is: the tools give it an identity by chance, and its parts have its label."""
        kind, _, key = name.partition("/")
        parts = [each for each in self.known.values() if each.get("ID_FS_UUID") == key]
        return f"{kind} {parts[0].get('ID_FS_LABEL')}" if parts else name

    def _named(self, place: Place) -> str:
        known = self.known.get(place, {})
        below = ", ".join(sorted({self.name(each) for each in self.slaves.get(place, {})}))
        name = place[0]
        if "/" in name and not known:
            return self._set_named(name)
        if known.get("SUBSYSTEM") == "net":
            return f"card {known.get('address')}"  # its name is that of the machine's driver
        if known.get("DEVTYPE") == "partition" and not name.startswith("dm-"):
            disk = next(iter(self.slaves.get(place, {})), ("", 0))
            # It carries its disk's serial number; of the disk itself udev may not have told yet.
            serial = known.get("ID_SERIAL")
            on = f"disk {serial}" if serial and disk not in self.known else below
            return f"{on} part {name.removeprefix(disk[0]).lstrip('p')}"
        if "DM_VG_NAME" in known:
            return f"volume {known.get('DM_NAME')}"
        if name.startswith("md") and below:
            return f"array of ({below})"
        if name.startswith("dm-") and below:
            return f"mapping on ({below})"
        if below:
            return f"{name.rstrip('0123456789')} on ({below})"
        serial = known.get("ID_SERIAL", "")
        return f"disk {self.copies.get(serial, serial)}" if serial else name
