"""Give the events of a journal to the core again and compare what it decides (R34).

A journal tells all that decides a boot: in its first line, and in that of every engine that was
started again, the command line and the like, then each event with its time and the decisions that
followed. What users typed is not in it; the core never looks at it either, except for the answer
to a question, which shows in what was decided then.
"""

import json
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from zlib import crc32

from initpy.config.errors import InputError
from initpy.config.jobs import JobFile, check_names, parse_job_table
from initpy.config.network.machinefiles import KINDS, applied
from initpy.config.settings import read_settings
from initpy.core.boot import Boot
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.jobs.definitions import JobDefinition
from initpy.core.settings import LOCATION, Counting, Resume, Settings
from initpy.simulation.journal.recorded import (
    UNKNOWN,
    Record,
    alike,
    decisions,
    event_of,
    is_decision,
    is_event,
    other_check,
)

CRYPTTAB = "/etc/crypttab"
QUESTION = "(yes or no)"
CONTEXT = 6  # events before a difference that are shown with it
Watcher = Callable[[Boot, Record, Sequence[Record]], None]


class Turn(NamedTuple):
    """An event of a journal and what was decided then."""

    event: Record
    decided: tuple[Record, ...]


class Life(NamedTuple):
    """What one engine did."""

    basis: Record  # its first line
    turns: tuple[Turn, ...]
    lost: int = 0  # so many lines after the last turn: /run was full


class Difference(NamedTuple):
    """The first event after which the core decides otherwise than it did then."""

    engine: int  # counted from 1
    number: int  # of the event, counted from 1
    turn: Turn
    got: tuple[Record, ...]
    before: tuple[Turn, ...]  # for the context

    @property
    def first(self) -> int:
        """Which decision is the first that differs; counted from 0."""
        pairs = zip(self.turn.decided, self.got, strict=False)
        return next(
            (number for number, pair in enumerate(pairs) if not alike(*pair)),
            min(len(self.turn.decided), len(self.got)),
        )


@dataclass
class Replayed:
    """What came of a replay."""

    engines: int = 0
    events: int = 0
    decisions: int = 0
    difference: Difference | None = None
    notes: list[str] = field(default_factory=list)


def lives(journal: Sequence[Record]) -> list[Life]:
    """The engines of a boot, each with what it was told and what it decided.

    Raises InputError for a journal that does not begin with an engine's first line.
    """
    found: list[Life] = []
    turns: list[Turn] = []
    decided: list[Record] = []
    lost = 0
    if not journal or journal[0]["kind"] != "EngineStarted":
        raise InputError("journal", journal[0]["kind"] if journal else "", "EngineStarted first")

    def close() -> None:
        if turns:
            turns[-1] = Turn(turns[-1].event, tuple(decided))
        decided.clear()

    for record in journal:
        if record["kind"] == "EngineStarted":
            close()
            turns, lost = [], 0
            found.append(Life(record, ()))
        elif record["kind"] == "Lost":
            lost += record.get("lines", 1)
        elif lost:
            continue  # the journal does not say what the core was told meanwhile
        elif is_event(record):
            close()
            turns.append(Turn(record, ()))
        elif is_decision(record):
            decided.append(record)
        found[-1] = Life(found[-1].basis, tuple(turns), lost)
    close()
    found[-1] = Life(found[-1].basis, tuple(turns), lost)
    return found


def settings_of(basis: Record, jobs: Iterable[JobDefinition] = ()) -> Settings:
    """The settings of the boot that began with this line."""
    if "cmdline" not in basis:
        older = "a journal that begins with what decides a boot (of a real one, and a newer initpy)"
        raise InputError("journal", "no 'cmdline' in its first line", older)
    settings, _ = read_settings(
        basis["cmdline"], basis.get("crypttab"), CRYPTTAB, basis.get("parameters"), jobs
    )
    for kind in KINDS:
        settings, _ = applied(settings, kind, basis.get(kind, {}))
    if found := basis.get("hibernated"):
        source = DeviceSpec(Naming.UUID, found[0])
        settings = settings._replace(resume=Resume(source, found[1], LOCATION))
    if counting := basis.get("counting"):
        settings = settings._replace(counting=Counting(*counting))
    root = settings.root
    if root is not None and root.naming is Naming.GPT_AUTO and basis.get("root_type"):
        root = DeviceSpec(Naming.GPT_AUTO, basis["root_type"])
    return settings._replace(
        root=root,
        boot_partition=basis.get("boot_partition"),
        other_checks=tuple(map(other_check, basis.get("other_checks") or ())),
        key_files=basis.get("key_files") or {},
        absent_keys=frozenset(basis.get("absent_keys") or ()),
    )


def jobs_of(
    basis: Record, known: Mapping[str, str], note: Callable[[str], None]
) -> tuple[JobDefinition, ...]:
    """The jobs of the boot: built-in ones by name (`known`: name -> text), the user's own whole.

    `note` is told which of them are not what they were. Raises InputError if one is missing.
    """
    files: dict[str, JobFile] = {}
    other = []
    own = _own_jobs(basis.get("own_jobs", {}), note)
    for name, checksum in basis.get("jobs", {}).items():
        if name not in known and name.rpartition(".")[0] in own:
            # The user's own, built in as well: it keeps its place among the others.
            files[name.rpartition(".")[0]] = own[name.rpartition(".")[0]]
            continue
        if name not in known:
            raise InputError("journal", name, "a job file that this initpy has as well")
        if f"{crc32(known[name].encode()):08x}" != checksum:
            other.append(name)
        files[name.rpartition(".")[0]] = parse_job_table(name, json.loads(known[name]))
    if other:
        note(f"other job files than in this boot: {' '.join(other)}")
    files.update(own)
    kept = check_names(files.values(), lambda problem: note(str(problem)))
    return tuple(job for file in kept for job in file.jobs)


def _own_jobs(texts: Mapping[str, str], note: Callable[[str], None]) -> dict[str, JobFile]:
    """The user's own job files by name; a mistake in one: the boot went on without it as well."""
    files = {}
    for path, text in texts.items():
        try:
            table = json.loads(text) if path.endswith(".json") else tomllib.loads(text)
            files[path.rpartition("/")[2].rpartition(".")[0]] = parse_job_table(path, table)
        except ValueError as error:
            note(str(error) if isinstance(error, InputError) else f"{path}: {error}")
    return files


def replay(
    journal: Sequence[Record], known: Mapping[str, str], watch: Watcher | None = None
) -> Replayed:
    """Replay every engine of a boot, up to the first difference.

    `known`: the job files of this checkout, name -> JSON text. `watch` is called after each event
    with the Boot, the event's line and the lines of what was decided now.
    """
    result = Replayed()
    found = lives(journal)
    for number, life in enumerate(found, 1):
        result.engines = number
        jobs = jobs_of(life.basis, known, _once(result.notes))
        boot = Boot(settings_of(life.basis, jobs), jobs)
        result.difference = _replay_life(boot, number, life, result, watch)
        if result.difference is not None:
            return result
        if life.lost:
            result.notes.append(
                f"engine {number}: {life.lost} lines were lost (/run was full); what it did after"
                " that is not compared"
            )
    return result


def _once(notes: list[str]) -> Callable[[str], None]:
    return lambda text: notes.append(text) if text not in notes else None


def _replay_life(
    boot: Boot, number: int, life: Life, result: Replayed, watch: Watcher | None
) -> Difference | None:
    questions: dict[str, bool] = {}
    for place, turn in enumerate(life.turns):
        event = event_of(turn.event, _answer(turn, questions))
        got = tuple(decisions(boot.handle(event, float(turn.event["t"]))))
        for each in got:
            if each["kind"] == "Ask":
                questions[each["job"]] = QUESTION in each["text"]
        result.events += 1
        result.decisions += len(turn.decided)
        if watch is not None:
            watch(boot, turn.event, got)
        last = place == len(life.turns) - 1
        if last and not turn.decided:
            continue  # it was killed before it could write its decisions down
        if len(got) != len(turn.decided) or not all(map(alike, turn.decided, got)):
            before = life.turns[max(0, place - CONTEXT) : place]
            return Difference(number, place + 1, turn, got, before)
    return None


def _answer(turn: Turn, questions: Mapping[str, bool]) -> bytes:
    """What stands for the text that a person typed: a question's answer shows in what followed."""
    if turn.event["kind"] != "Answered" or not questions.get(turn.event["job"]):
        return UNKNOWN
    for each in turn.decided:
        if each["kind"] == "Report" and "yes or no" in each["text"]:
            return UNKNOWN
        if each["kind"] == "Moved" and each["after"] == "skipped":
            return b"no"
    return b"yes"


def in_words(record: Record) -> Iterator[str]:
    """A line of a journal as `key: value` lines, without what is empty."""
    for key, value in record.items():
        if key not in ("t", "kind") and value not in (None, "", [], {}):
            yield f"{key}: {value if isinstance(value, str) else json.dumps(value)}"


def as_json(result: Replayed) -> dict[str, Any]:
    """The result for programs."""
    found = result.difference
    return {
        "same": found is None,
        "engines": result.engines,
        "events": result.events,
        "decisions": result.decisions,
        "notes": result.notes,
        "difference": None
        if found is None
        else {
            "engine": found.engine,
            "event_number": found.number,
            "event": found.turn.event,
            "expected": list(found.turn.decided),
            "got": list(found.got),
            "first": found.first,
        },
    }
