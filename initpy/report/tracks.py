"""Turn a boot's journal into tracks: the periods of jobs, prompts and deadlines, with causes.

All pictures are drawn from these: SVG, HTML, trace file.
"""

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from initpy.report.journal import listed, table

Record = Mapping[str, Any]


class Kind(enum.StrEnum):
    """The kind of a span or moment; the value names its colour."""

    ENGINE = "engine"  # an engine starts, or lives
    WAITS = "waits"  # a job is ready and does not run yet
    RUNS = "runs"  # its command or mount
    EFFECT = "effect"  # the command has ended, its effect has not shown
    FAILED = "failed"
    PROMPT = "prompt"  # the user is asked
    SHELL = "shell"
    COUNTS = "counts"  # a deadline counts
    HELD = "held"  # a deadline is held
    DEVICE = "device"
    SAYS = "says"  # a line on the console
    OVER = "over"  # a deadline is over; the failure screen
    DONE = "done"  # the handover


@dataclass(frozen=True, slots=True)
class Span:
    """A period, in seconds since /init began."""

    kind: Kind
    begin: float
    end: float
    text: str
    details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Moment:
    """An event without duration."""

    kind: Kind
    time: float
    text: str


@dataclass(slots=True)
class Track:
    """One line of the picture."""

    group: str
    name: str
    spans: list[Span] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)

    @property
    def begin(self) -> float:
        """Return the time of its first span or moment."""
        begins = [each.begin for each in self.spans]
        return min(begins + [each.time for each in self.moments], default=0.0)


@dataclass(frozen=True, slots=True)
class Cause:
    """A span or moment on one track that made a span on another begin."""

    source: str  # name of the track
    left: float
    target: str
    reached: float


@dataclass(frozen=True, slots=True)
class Picture:
    """A whole boot."""

    tracks: tuple[Track, ...]
    causes: tuple[Cause, ...]
    duration: float
    command_line: str = ""


# Groups from top to bottom; those of jobs, by technology, come between.
ENGINE, USER, DEVICES, CLOCKS = "initpy", "user", "devices", "clocks"
TECHNOLOGIES = {
    "md": "arrays (md)",
    "luks": "encryption (LUKS)",
    "lvm": "volume groups (LVM)",
    "btrfs": "btrfs",
    "bcache": "bcache",
    "loop": "loop devices",
    "multipath": "multipath",
    "link": "network",
    "nbd": "network",
    "mount": "file systems",
    "fsck": "file systems",
}
OTHERS = "other jobs"
# states of a job that are drawn, and their kinds
DRAWN = {
    "ready": Kind.WAITS,
    "running": Kind.RUNS,
    "awaiting": Kind.EFFECT,
    "failed": Kind.FAILED,
}


def picture(journal: Iterable[Record], acts: Iterable[tuple[float, str]] = ()) -> Picture:
    """Return the tracks of a journal, whose lines must be right (`timeline.wrong`).

    `acts`: what users and faults did, if that is known, and when (seconds since /init began).
    """
    drawing = _Drawing()
    for record in journal:
        drawing.take(record)
    for time, text in acts:
        drawing.track(USER, "what is done").moments.append(Moment(Kind.PROMPT, time, text))
    return drawing.finish()


def technology(job: str) -> str:
    """Return the group of a job's track."""
    return TECHNOLOGIES.get(job.partition("@")[0].partition("-")[0], OTHERS)


@dataclass(slots=True)
class _Open:
    """A span that has not ended."""

    track: str
    kind: Kind
    begin: float
    text: str
    details: list[tuple[str, str]] = field(default_factory=list)
    left: float = 0.0  # of a clock


@dataclass(slots=True)
class _Drawing:
    """A pass over a journal."""

    tracks: dict[str, Track] = field(default_factory=dict)
    open: dict[str, _Open] = field(default_factory=dict)  # by their subject
    causes: list[Cause] = field(default_factory=list)
    slaves: dict[str, Sequence[str]] = field(default_factory=dict)
    answered: dict[str, float] = field(default_factory=dict)  # times of prompts
    worked: dict[str, tuple[str, float]] = field(default_factory=dict)  # device -> job, its start
    start: float | None = None
    now: float = 0.0
    engines: int = 0
    command_line: str = ""

    def track(self, group: str, name: str) -> Track:
        """Return the track of that name; make it if necessary."""
        return self.tracks.setdefault(name, Track(group, name))

    def begin(self, key: str, group: str, name: str, kind: Kind, text: str) -> _Open:
        """Begin a span."""
        self.end(key)
        self.track(group, name)
        self.open[key] = opened = _Open(name, kind, self.now, text)
        return opened

    def end(self, key: str, *details: tuple[str, str]) -> None:
        """End a span, if it has begun."""
        found = self.open.pop(key, None)
        if found is not None:
            span = Span(found.kind, found.begin, self.now, found.text, (*found.details, *details))
            if span.kind is not Kind.EFFECT or span.end > span.begin:
                self.tracks[found.track].spans.append(span)

    def moment(self, group: str, name: str, kind: Kind, text: str) -> None:
        """Add a moment."""
        self.track(group, name).moments.append(Moment(kind, self.now, text))

    def take(self, record: Record) -> None:
        """Take a line of the journal."""
        time = float(record["t"])
        if self.start is None:
            self.start = float(record.get("init_started", time))
        before, self.now = self.now, max(self.now, round(time - self.start, 6))
        get = record.get
        match record["kind"]:
            case "EngineStarted":
                self._engine(record, before)
            case "DeviceChanged":
                self._device(table(get("device")))
            case "Enumerated":
                for each in listed(get("devices")):
                    self._device(table(each))
            case "DeviceRemoved":
                self.moment(DEVICES, "devices", Kind.FAILED, f"{get('name')} is gone")
            case "Moved":
                self._moved(str(get("job")), str(get("after")), str(get("reason") or ""))
            case "Run" | "StartCheck" | "Mount" | "Write" | "JobEnded":
                self._command(record)
            case "Ask":
                job, text = str(get("job")), str(get("text") or "").strip()
                self.begin(f"prompt {job}", USER, f"prompt for {_subject(job)}", Kind.PROMPT,
                           text or "is asked")  # fmt: skip
            case "Answered":
                self.end(f"prompt {get('job')}", ("ended by", "an answer"))
                self.answered[str(get("job"))] = self.now
            case "Withdraw":
                self.end(f"prompt {get('job')}", ("withdrawn", str(get("reason") or "")))
            case "Clock":
                self._clock(record)
            case "OpenShell":
                self.begin("shell", USER, "shell", Kind.SHELL, str(get("stop") or "a shell"))
            case "ShellEnded":
                self.end("shell")
            case "Report":
                self.moment(ENGINE, "says", Kind.SAYS, str(get("text")))
            case "ShowFailure":
                self.moment(ENGINE, "says", Kind.OVER, f"failure screen: {get('reason')}")
            case "EndBoot":
                self.moment(ENGINE, "says", Kind.OVER, f"{get('how')}: {get('reason')}")
            case "HandedOver":
                self._close("handover")
                self.moment(ENGINE, "engine", Kind.DONE, f"handed over to {get('init')}")

    def _close(self, why: str) -> None:
        for key in tuple(self.open):
            self.end(key, ("until", why))

    def _engine(self, record: Record, before: float) -> None:
        self.engines += 1
        if self.engines == 1:
            self.command_line = str(record.get("cmdline") or "")
            start = Span(Kind.ENGINE, 0.0, self.now, "/init, udevd and the engine start")
            self.track(ENGINE, "engine").spans.append(start)
        else:
            now, self.now = self.now, before
            self._close("the engine ended")
            self.moment(ENGINE, "engine", Kind.FAILED, "the engine has ended")
            self.now = now
            self.worked.clear()
            again = Span(Kind.ENGINE, before, now, f"engine {self.engines} starts")
            self.track(ENGINE, "engine").spans.append(again)
        self.begin("engine", ENGINE, "engine", Kind.EFFECT, f"engine {self.engines}")
        for problem in listed(record.get("problems")):
            self.moment(ENGINE, "says", Kind.OVER, str(problem))

    def _device(self, device: Record) -> None:
        name = str(device.get("name"))
        new = name not in self.slaves
        self.slaves[name] = list(map(str, listed(device.get("slaves"))))
        if new and (self.slaves[name] or table(device.get("properties")).get("size") != "0"):
            self.moment(DEVICES, "devices", Kind.DEVICE, f"{name} {_content(device)}".strip())

    def _moved(self, job: str, after: str, reason: str) -> None:
        before = self.open.get(job)
        kind = DRAWN.get(after)
        if kind is None:
            told = ("then", f"{after}: {reason}" if reason else after)
            self.end(job, *([told] if before is not None else []))
            return
        if before is None and kind in (Kind.WAITS, Kind.RUNS):  # a second try has no new cause
            self._because(job)
        if kind is Kind.RUNS:
            self._worked(job)
        text = reason or {"ready": "waits"}.get(after, after)
        self.begin(job, technology(job), job, kind, text)

    def _because(self, job: str) -> None:
        """Note why a job became ready: what made its device, or told more of it."""
        subject = job.partition("@")[2]
        made_by = [self.worked.get(each) for each in (*self.slaves.get(subject, ()), subject)]
        makers = [each for each in made_by if each is not None and each[0] != job]
        if not makers:
            return
        maker, _ = max(makers, key=lambda each: each[1])
        ends = [each.end for each in self.tracks[maker].spans if each.kind is Kind.RUNS]
        running = maker in self.open and self.open[maker].kind is Kind.RUNS
        left = self.now if running or not ends else min(max(ends), self.now)
        self.causes.append(Cause(maker, left, job, self.now))

    def _worked(self, job: str) -> None:
        """Note that a job runs: it may make devices for others, or a user may have allowed it."""
        if subject := job.partition("@")[2]:
            self.worked[subject] = job, self.now
        if (answered := self.answered.pop(job, None)) is not None:
            prompt = f"prompt for {_subject(job)}"
            self.causes.append(Cause(prompt, answered, job, self.now))

    def _command(self, record: Record) -> None:
        """Add the command and its end to the span that runs."""
        found = self.open.get(str(record.get("job")))
        if found is None:
            return
        if record["kind"] in ("Run", "StartCheck"):
            found.details.append(("command", " ".join(map(str, listed(record.get("argv"))))))
        elif record["kind"] == "Write":
            pairs = (map(str, listed(each)) for each in listed(record.get("attributes")))
            found.details.append(("writes", ", ".join(" = ".join(pair) for pair in pairs)))
        elif record["kind"] == "Mount":
            plain = " on ".join(str(record.get(each)) for each in ("source", "target"))
            found.details.append(("mounts", plain))
        elif record.get("status"):
            text = f"status {record['status']}: {record.get('error') or 'no word'}"
            found.details.append(("ended", text))

    def _clock(self, record: Record) -> None:
        name, left = str(record.get("name")), record.get("left")
        if isinstance(left, bool) or not isinstance(left, int | float) or not -1e9 < left < 1e9:
            counting = self.open.get(name)
            self.end(name)
            counted = counting is not None and counting.kind is Kind.COUNTS
            if counting is not None and counted and counting.begin + counting.left <= self.now:
                self.moment(CLOCKS, name, Kind.OVER, "its time is over")
            return
        owner, reason = str(record.get("owner") or ""), str(record.get("reason") or "")
        kind = Kind.HELD if owner else Kind.COUNTS
        text = f"held by {owner}: {reason}" if owner else f"{left:.0f} s left"
        holder = self.open.get(owner)
        if holder is not None and holder.kind is Kind.WAITS:
            holder.text = reason  # only this line tells why it does not run yet
        opened = self.begin(name, CLOCKS, name, kind, text)
        opened.left = left
        opened.details.append(("left", f"{left:.3f} s"))

    def finish(self) -> Picture:
        """Return the tracks from top to bottom."""
        self._close("the journal's end")
        order = {ENGINE: -2, USER: -1, DEVICES: 90, CLOCKS: 91}
        firsts: dict[str, float] = {}
        for each in self.tracks.values():
            firsts[each.group] = min(firsts.get(each.group, 1e9), each.begin)
        tracks = [each for each in self.tracks.values() if each.spans or each.moments]
        tracks.sort(key=lambda each: (order.get(each.group, 0), firsts[each.group], each.group,
                                      each.begin))  # fmt: skip
        return Picture(tuple(tracks), tuple(self.causes), self.now, self.command_line)


def _subject(job: str) -> str:
    return job.partition("@")[2] or job


def _content(device: Record) -> str:
    known = table(device.get("properties"))
    words = [known.get(key) for key in ("ID_FS_TYPE", "ID_FS_LABEL", "DM_NAME", "md/array_state")]
    return " ".join(str(each) for each in words if each)
