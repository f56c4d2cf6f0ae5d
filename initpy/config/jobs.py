"""Job files (`jobs/*.toml`): when a technology acts, what it runs, what the image must contain.

A file has a `summary`, any number of `[[job]]` tables and one `[image]` table.
Everything is checked here, by name, so that neither the build nor the boot
meets a malformed job later.
"""

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from initpy.config.errors import InputError
from initpy.config.jobsets import gathering, listing
from initpy.config.jobtables import Table
from initpy.config.redaction import job_value
from initpy.config.textlines import read_file
from initpy.core.jobs.definitions import JobDefinition, Strategy, Success
from initpy.core.jobs.matching import Match
from initpy.core.layer import Layer
from initpy.core.tuples import NamedTuple

if TYPE_CHECKING:  # pathlib is a costly import at boot
    from pathlib import Path

JOB_KEYS = {
    "name", "does", "match", "run", "strategy", "success", "needs", "once", "after", "layer",
    "identity", "switch", "without", "environment", "yields", "delay", "reveals", "publishes",
    "takes_down", "probes",
    "timeout", "tries", "retry_after", "write", "looking", "gathers", "lists", "for_root", "parts",
    "with", "reads", "renew", "patience", "patience_parameter", "lacks", "refused", "advice",
}  # fmt: skip
SUCCESS_KEYS = {"holder", "subject", "device", "mounted", "published", "exit", "ended"}
IMAGE_KEYS = (
    "programs", "modules", "optional_modules", "generic", "rules", "files", "optional",
    "of_machine", "python",
)  # fmt: skip

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
ATTRIBUTE = re.compile(r"[a-z0-9_]+(/[a-z0-9_]+)*")
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
# What the engine has the kernel do itself.
NATIVE = (
    Strategy.RESUME,
    Strategy.MOUNT_ROOT,
    Strategy.MOUNT_DEGRADED,
    Strategy.MOUNT_HOST,
    Strategy.MOUNT_EXTRA,
    Strategy.MOUNT_EXPORT,
    Strategy.GATHER,
)
# What a strategy puts at a template's disposal besides the subject's properties.
STRATEGY_VARIABLES: dict[Strategy, set[str]] = {
    Strategy.UNLOCK: {"key", "mapping", "options", "type"},
    Strategy.NBD_CONNECT: {"options"},
    Strategy.CHECK: {"how"},
    Strategy.CHECK_OTHER: {"how"},
    Strategy.GROUP_SCAN: {"lvm", "owner"},
    Strategy.GROUP_ACTIVATE: {"lvm", "owner", "how", "volumes"},
    Strategy.GROUP_START: {"lvm", "owner", "how", "mode", "volumes"},
    Strategy.GROUP_COMMAND: {"lvm", "owner"},
}


def json_text(path: "Path") -> str:
    """A job file as the boot reads it: JSON takes it a tenth of the time of TOML."""
    import json
    import tomllib  # not at boot

    return json.dumps(tomllib.loads(path.read_text(encoding="utf-8")), indent=1)


class ImageNeeds(NamedTuple):
    """What the image must contain for a job file (names as written in the file).

    An image for one machine has the modules that its root stands on instead of the `generic` ones,
    and the file at all if a device of the machine is one of `devices`, or one that a job matches.
    Modules of `optional_modules` and `generic` are taken where the kernel has them.
    """

    programs: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    optional_modules: tuple[str, ...] = ()
    generic: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    of_machine: tuple[str, ...] = ()  # like `optional`, but not for an image of several machines
    python: tuple[str, ...] = ()
    devices: Match = Match()


class JobFile(NamedTuple):
    """One validated job file."""

    source: str  # the path of the file
    summary: str
    jobs: tuple[JobDefinition, ...] = ()
    image: ImageNeeds = ImageNeeds()


# Words of job files that have another name now -> that name.
RENAMED = {
    "offer-again": "reassemble",
    "mount-partial": "mount-degraded",
    "mount-further": "mount-extra",
    "INITPY_UNHEARD": "INITPY_REASSEMBLE",
    "INITPY_NEWCOMER": "INITPY_LATE_MEMBER",
}


def parse_job_file(source: str, text: str) -> JobFile:
    """Validate the text of a job file.

    Raises InputError naming file, key, value and expectation.
    """
    import tomllib  # the image's own job files are there as JSON

    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(source, str(error), "a TOML document") from None
    except RecursionError:
        raise InputError(source, "brackets in brackets", "a TOML document") from None
    return parse_job_table(source, content)


def parse_job_table(source: str, content: object) -> JobFile:
    """Validate what a job file says, whatever it was written in. Raises InputError."""
    if not isinstance(content, dict):
        raise InputError(source, content, "a table with 'summary', 'job' and 'image'")
    top = Table(source, content)
    top.only({"summary", "job", "image"})
    summary = top.get("summary", str, "one line that says which technology this is")
    tables = top.get("job", list, "[[job]] tables", [])
    jobs = [_job(source, number, table) for number, table in enumerate(tables, 1)]
    names = [job.name for job in jobs]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{source}: job name", name, "a name used once")
    image = Table(f"{source}: [image]", top.get("image", dict, "an [image] table", {}))
    image.only((*IMAGE_KEYS, "devices"))
    needs = ImageNeeds(
        **{key: image.words(key) for key in IMAGE_KEYS}, devices=image.matches("devices")
    )
    return JobFile(source, summary, tuple(jobs), needs)


def load_job_file(path: "Path") -> JobFile:
    """Read and validate one job file. Raises InputError."""
    try:
        text = read_file(path)
    except OSError as error:
        raise InputError(str(path), error.strerror, "a readable job file") from None
    except UnicodeDecodeError as error:
        raise InputError(str(path), error.reason, "UTF-8 text") from None
    return parse_job_file(str(path), text)


def check_names(files: Iterable[JobFile], report: Callable[[InputError], None]) -> list[JobFile]:
    """Leave out, and report, files that define a job of an earlier file."""
    owners: dict[str, str] = {}
    kept = []
    for file in files:
        taken = next((job.name for job in file.jobs if job.name in owners), None)
        if taken is not None:
            expected = f"a name not used in {owners[taken]}"
            report(InputError(f"{file.source}: job name", taken, expected))
            continue
        owners.update({job.name: file.source for job in file.jobs})
        kept.append(file)
    return kept


def _job(source: str, number: int, content: Any) -> JobDefinition:
    if not isinstance(content, dict):
        raise InputError(f"{source}: job {number}", content, "a [[job]] table")
    name = content.get("name", f"number {number}")
    table = Table(f"{source}: job {name}", content)
    table.only(JOB_KEYS)
    if not NAME.fullmatch(table.get("name", str, "a name like 'md-member'")):
        raise InputError(f"{table.where}: name", name, "lower-case words joined by '-'")
    strategy = _choice(table, "strategy", Strategy, Strategy.RUN)
    layer = _choice(table, "layer", Layer, None)
    needs = table.get("needs", str, "'ready' or 'present'", "ready")
    if needs not in ("ready", "present"):
        raise InputError(f"{table.where}: needs", needs, "'ready' or 'present'")
    run = table.words("run")
    write = _write(table)
    if bool(run) is bool(write) and (run or strategy not in NATIVE):
        expected = "a command as a list of strings, or 'write' with attributes of the device"
        raise InputError(f"{table.where}: run", job_value("run", list(run)) or None, expected)
    once = table.get("once", bool, "true or false", False)
    match = table.matches("match")
    if not match.patterns and not once:
        raise InputError(f"{table.where}: match", None, "a table of properties, or once = true")
    job = JobDefinition(
        name=name,
        does=table.get("does", str, "a sentence for the user"),
        source=source,
        match=match,
        success=_success(table),
        strategy=strategy,
        run=run,
        write=write,
        looking=table.words("looking") if "looking" in table.content else None,
        needs_ready=needs == "ready",
        once=once,
        after=table.words("after"),
        layer=layer,
        identity=table.words("identity"),
        takes_down=table.get("takes_down", bool, "true or false", False),
        probes=table.get("probes", bool, "true or false", False),
        reveals=table.get("reveals", bool, "true or false", False),
        switch=table.get("switch", str, "the name of a parameter", "") or None,
        without=_words_by_parameter(table, "without"),
        environment=tuple(table.strings("environment").items()),
        yields=Match.of(yields) if (yields := table.strings("yields")) else None,
        publishes=table.words("publishes"),
        timeout=table.number("timeout", 60, 0),
        delay=table.number("delay", 0, 0),
        tries=int(table.number("tries", 3, 1)),
        retry_after=table.number("retry_after", 1, 0),
        gathers=gathering(table) if "gathers" in table.content else None,
        lists=listing(table) if "lists" in table.content else None,
        for_root=table.get("for_root", bool, "true or false", False),
        parts=table.words("parts"),
        added=_words_by_parameter(table, "with"),
        reads=tuple(table.pattern("reads", each) for each in table.words("reads")),
        renew=table.words("renew"),
        patience=table.number("patience", 30, 0),
        patience_parameter=table.get("patience_parameter", str, "a parameter's name", "") or None,
        lacks=table.get("lacks", str, "what is missing, in words", ""),
        refused=table.pattern("refused", table.get("refused", str, "a regular expression", "")),
        advice=_advice(table),
    )
    if (strategy is Strategy.GATHER) is (job.gathers is None):
        expected = "a table, which the strategy 'gather' alone has"
        raise InputError(f"{table.where}: gathers", None, expected)
    _check_marks(table.where, job)
    _check_templates(table.where, job)
    return job


def _check_marks(where: str, job: JobDefinition) -> None:
    """Name the new word for each old one: a job that matches an old mark would never run."""
    facts = job.success
    matches = (job.match, *job.match.alternatives, job.yields, facts.holder, facts.subject)
    used = {key for each in matches if each is not None for key, _ in each.patterns}
    for text in (job.does, *job.run, *job.identity):
        used.update(PLACEHOLDER.findall(text))
    for old in sorted(used & RENAMED.keys()):
        raise InputError(f"{where}: mark", old, f"{RENAMED[old]}, its name now")


def _choice(table: Table, key: str, kind: Any, default: Any) -> Any:
    value = table.content.get(key)
    if value is None:
        return default
    if isinstance(value, str) and value in RENAMED:
        raise InputError(f"{table.where}: {key}", value, f"{RENAMED[value]!r}, its name now")
    try:
        return kind(value)
    except ValueError:
        raise InputError(
            f"{table.where}: {key}", value, "one of " + ", ".join(each.value for each in kind)
        ) from None


def _success(job: Table) -> Success:
    table = Table(f"{job.where}: success", job.get("success", dict, "a table of facts"))
    table.only(SUCCESS_KEYS)
    if not table.content:
        raise InputError(table.where, {}, "at least one fact of " + ", ".join(sorted(SUCCESS_KEYS)))
    holder, subject, device = (table.strings(key) for key in ("holder", "subject", "device"))
    for key, value in device.items():
        # Looked up, not compared: it has to be cheap with thousands of devices.
        if value.startswith("!") or "*" in value or "|" in value:
            expected = "an exact value for a fact of any device"
            raise InputError(f"{table.where}: device.{key}", value, expected)
    published = table.get("published", bool, "true or false", False)
    if published and not (job.content.get("publishes") or job.content.get("reads")):
        expected = "'publishes' or 'reads' to name the properties"
        raise InputError(f"{table.where}.published", True, expected)
    return Success(
        holder=Match.of(holder) if holder else None,
        subject=Match.of(subject) if subject else None,
        device=device or None,
        mounted=table.get("mounted", str, "a mount point", "") or None,
        published=published,
        exit=table.get("exit", bool, "true or false", False),
        ended=table.get("ended", bool, "true or false", False),
    )


def _advice(job: Table) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found = _words_by_parameter(job, "advice")
    for pattern, words in found:
        job.pattern("advice", pattern)
        if len(words) != 2:
            expected = "a list of a command and what it does"
            raise InputError(f"{job.where}: advice.{pattern}", list(words), expected)
    return found


def _words_by_parameter(job: Table, key: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if key not in job.content:
        return ()
    table = Table(f"{job.where}: {key}", job.get(key, dict, "parameters"))
    return tuple((parameter, table.words(parameter)) for parameter in table.content)


def _write(table: Table) -> tuple[tuple[str, str], ...]:
    """The attributes of sysfs that the job writes: below the device's own folder only."""
    if "write" not in table.content:
        return ()
    given = table.get("write", dict, "a table of attributes")
    for name, text in given.items():
        if not isinstance(text, str):
            raise InputError(f"{table.where}: write.{name}", text, "a text")
        if not ATTRIBUTE.fullmatch(name):
            expected = "an attribute below the device's folder in sysfs, like 'md/array_state'"
            raise InputError(f"{table.where}: write", name, expected)
    return tuple(given.items())


def _check_templates(where: str, job: JobDefinition) -> None:
    known = STRATEGY_VARIABLES.get(job.strategy, set()) | ({"without"} if job.without else set())
    known = known | {"below"} | ({"looking"} if job.looking is not None else set())
    known = known | ({"parts"} if job.parts else set()) | ({"with"} if job.added else set())
    if job.looking and "{looking}" not in job.run:
        raise InputError(f"{where}: looking", list(job.looking), "'{looking}' in 'run'")
    for text in (
        *job.run,
        *(job.looking or ()),
        *job.identity,
        job.lacks,
        *(job.success.device or {}).values(),
    ):
        for variable in PLACEHOLDER.findall(text):
            # Property names of udev are upper case; sysfs attributes are not usable in argv.
            if job.once and variable not in known:
                expected = "no property: the subject of a job that runs once is the boot"
                raise InputError(f"{where}: placeholder", "{" + variable + "}", expected)
            if variable not in known and not re.fullmatch(r"[A-Z][A-Z0-9_]*", variable):
                expected = "a property in capitals" + (f" or {sorted(known)}" if known else "")
                raise InputError(f"{where}: placeholder", "{" + variable + "}", expected)
