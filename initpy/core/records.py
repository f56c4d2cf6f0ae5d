"""Events and actions as JSON knows them: the lines of the journal."""

import enum
from collections.abc import Iterable, Mapping

from initpy.core.actions import Action
from initpy.core.devices.graph import BLOCK, Device, Kind
from initpy.core.devices.names import Naming
from initpy.core.events import Event
from initpy.core.explanation import Node
from initpy.core.secret import Secret
from initpy.core.settings import LOCATION, Resume, Settings


def plain(what: Event | Action | Device | Node) -> dict[str, object]:
    """The fields of an event or action as JSON knows them; secrets are left out (R14)."""
    fields = {name: _plain(getattr(what, name)) for name in what._fields}
    if isinstance(what, Device):
        # The kind of a block device goes without saying.
        fields["kind"] = what.kind.name
        if what.kind is BLOCK:
            del fields["kind"]
    elif isinstance(what, Node):
        del fields["doubtful"]  # the content that the reason tells
    return fields


def basis(
    settings: Settings,
    command_line: str,
    table: str | None,
    jobs: Mapping[str, str],
    own_jobs: Mapping[str, str],
    problems: Iterable[object] = (),
    defaults: str | None = None,
) -> dict[str, object]:
    """What decides a boot besides the events, so that its journal can be replayed (R34).

    `table`: crypttab's text, `defaults`: that of the image's parameters. `jobs`: the checksums of
    the image's job files by name, `own_jobs`: the job files that users added, whole, by path.
    `problems`: what is wrong in all these, for readers of the journal.
    Secrets in these texts are the writer's to leave out: their grammar is not the core's matter.
    """
    gpt = settings.root is not None and settings.root.naming is Naming.GPT_AUTO
    return {
        "cmdline": command_line.strip(),
        **({"parameters": defaults} if defaults else {}),
        "crypttab": table,
        "key_files": dict(settings.key_files),
        "other_checks": _plain(settings.other_checks),
        "absent_keys": sorted(settings.absent_keys),
        "root_type": settings.root.value if gpt and settings.root is not None else None,
        "boot_partition": settings.boot_partition,
        "hibernated": _from_firmware(settings.resume),
        "counting": None if settings.counting is None else list(settings.counting),
        "jobs": dict(jobs),
        "own_jobs": dict(own_jobs),
        "problems": [str(each) for each in problems],
    }


def _from_firmware(resume: Resume | None) -> list[object] | None:
    """The UUID and offset that the command line does not tell."""
    if resume is None or resume.by != LOCATION:
        return None
    return [resume.source.value, resume.offset]


def _plain(value: object) -> object:
    if isinstance(value, Secret):
        return "…" if value.reveal() else ""  # nothing typed is no secret, and decides
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, Kind):
        return value.name
    if isinstance(value, Device | Node):
        return plain(value)
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    return value
