"""What job files declare of the command line: parameters, and forms of root=."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from initpy.core.devices.names import DeviceSpec, RootForm, fitting, listed
from initpy.core.jobs.definitions import JobDefinition
from initpy.core.tuples import NamedTuple

NONE: Mapping[str, str] = MappingProxyType({})


class Declared(NamedTuple):
    """Names of parameters, with `-` for `_`, and as the job files write them; forms of root=."""

    on: Mapping[str, str] = NONE  # flags that are off without the parameter
    off: Mapping[str, str] = NONE  # flags that are on without it
    seconds: Mapping[str, str] = NONE
    forms: tuple[RootForm, ...] = ()
    types: Mapping[str, tuple[RootForm, ...]] = MappingProxyType(
        {}
    )  # of fstab and rootfstype= -> how a source of that type is named
    instead: frozenset[str] = frozenset()  # parameters that name root where root= is missing


NOTHING = Declared()


def declared(jobs: Iterable[JobDefinition]) -> Declared:
    """What these jobs declare."""
    on: dict[str, str] = {}
    off: dict[str, str] = {}
    seconds: dict[str, str] = {}
    forms: list[RootForm] = []
    types: dict[str, tuple[RootForm, ...]] = {}
    for job in jobs:
        on |= {plain(name): name for name, _ in job.added}
        off |= {plain(name): name for name, _ in job.without}
        if job.switch is not None:
            off[plain(job.switch)] = job.switch
        if job.patience_parameter is not None:
            seconds[plain(job.patience_parameter)] = job.patience_parameter
        if job.lists is not None:
            forms += job.lists.roots
            types |= dict.fromkeys(job.lists.types, job.lists.roots)
    instead = {plain(each.partition("=")[0]) for form in forms for each in form.instead}
    return Declared(on, off, seconds, tuple(forms), types, frozenset(instead))


def plain(name: str) -> str:
    return name.replace("_", "-")


def parse_form(text: str, forms: Iterable[RootForm]) -> DeviceSpec | None:
    """What `text` names in one of these forms; the exact ones go before those with a `*`."""
    found = fitting(text, (form for form in forms if form.shows))
    if found is None:
        return None
    form, name = found
    return listed(text, name, form.shows, form.needs)
