"""Tables of job files for what has several parts, and for what a job lists."""

import re

from initpy.config.errors import InputError
from initpy.config.jobtables import Table
from initpy.core.devices.names import RootForm, Shown
from initpy.core.jobs.definitions import Gathering, Listing
from initpy.core.shutdown.declared import DeclaredLayer

KIND = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
KIND_EXPECTED = "lower-case words joined by '-', like 'zfs-pool'"
EXISTS_EXPECTED = "a path with the part '{name}', like '/proc/spl/kstat/zfs/{name}/state'"


def gathering(job: Table) -> Gathering:
    """The table `gathers`: which devices are parts of one set."""
    table = job.table("gathers", "a table with 'as', 'by' and 'called'")
    table.only(("as", "by", "called", "keeps", "shutdown"))
    return Gathering(
        _kind(table),
        table.get("by", str, "a template like '{ID_FS_UUID}', the same for all parts of a set"),
        table.get("called", str, "a template, the set's name for the user", "")
        or table.content["by"],
        table.words("keeps"),
        _shutdown(table) if "shutdown" in table.content else None,
    )


def _shutdown(gathers: Table) -> DeclaredLayer:
    """The table `shutdown`: how such sets are taken down then."""
    table = gathers.table("shutdown", "a table with 'called', 'exists' and 'run'")
    table.only(("called", "exists", "run", "mounts", "devices"))
    exists = table.get("exists", str, EXISTS_EXPECTED)
    if not exists.startswith("/") or exists.split("/").count("{name}") != 1:
        raise InputError(f"{table.where}: exists", exists, EXISTS_EXPECTED)
    run = table.words("run")
    if not run or not any("{name}" in each for each in run[1:]):
        raise InputError(f"{table.where}: run", list(run), "a command with '{name}'")
    called = table.get("called", str, "what the user calls it, like 'the pool {name}'")
    return DeclaredLayer(called, exists, run, table.words("mounts"), table.words("devices"))


def listing(job: Table) -> Listing:
    """The table `lists`: what the lines of the output are."""
    table = job.table("lists", "a table with 'as' and 'line'")
    allowed = ("as", "line", "properties", "unready", "below_root", "types", "root")
    table.only(allowed)
    expected = "a regular expression with the named group DEVNAME"
    line = table.pattern("line", table.get("line", str, expected))
    if "DEVNAME" not in re.compile(line).groupindex:
        raise InputError(f"{table.where}: line", line, expected)
    return Listing(
        _kind(table),
        line,
        tuple(table.strings("properties").items()),
        table.matches("unready") if "unready" in table.content else None,
        table.get("below_root", str, "the name of a property", ""),
        tuple(_root(each) for each in table.tables("root")),
        table.words("types"),
    )


def _root(table: Table) -> RootForm:
    table.only(("forms", "is", "needs", "instead"))
    forms = table.words("forms")
    for each in forms if "instead" in table.content else forms or ("",):
        if each.count("*") > 1 or not each.strip("*"):
            expected = "forms of root=, like 'ZFS=*', each with one '*' at most"
            raise InputError(f"{table.where}: forms", list(forms), expected)
    paths = bool(forms) and all(each.startswith("/dev/") for each in forms)
    shows = () if paths and "is" not in table.content else _shown(table, "is")
    return RootForm(forms, shows, _shown(table, "needs"), _instead(table, shows))


def _instead(table: Table, shows: tuple[Shown, ...]) -> tuple[str, ...]:
    found = table.words("instead")
    for each in found:
        key, _, value = each.partition("=")
        if not key or "*" in key or not value or value.count("*") > 1 or not shows:
            expected = "parameters with a value, like 'bootfs=*', beside 'is'"
            raise InputError(f"{table.where}: instead", list(found), expected)
    return found


def _shown(table: Table, key: str) -> tuple[Shown, ...]:
    found = tuple(tuple(each.strings_of_properties()) for each in table.tables(key))
    if not found:
        raise InputError(f"{table.where}: {key}", None, "a list of tables of properties")
    return found


def _kind(table: Table) -> str:
    kind = table.get("as", str, KIND_EXPECTED)
    if not KIND.fullmatch(kind):
        raise InputError(f"{table.where}: as", kind, KIND_EXPECTED)
    return str(kind)
