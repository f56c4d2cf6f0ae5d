"""The lines of a journal as the core's values again: events, and the actions to compare with."""

import json
from collections.abc import Mapping
from typing import Any

from initpy.config.errors import InputError
from initpy.core.actions import Action, Arm
from initpy.core.devices.graph import BLOCK, Device
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.devices.subject_kinds import KINDS
from initpy.core.events import (
    Answered,
    BootStarted,
    DeviceChanged,
    DeviceRemoved,
    Enumerated,
    Event,
    Fetched,
    HandOverRefused,
    JobEnded,
    KeyGiven,
    KeyPressed,
    Mounted,
    Progressed,
    RetryAsked,
    ShellEnded,
    TimePassed,
    WaitAsked,
)
from initpy.core.network.events import (
    DhcpMalformed,
    DhcpReceived,
    LinkConfigured,
    LinkJoined,
    LinkMade,
    Resolved,
)
from initpy.core.network.linkfiles import file_of
from initpy.core.network.values import reply_of
from initpy.core.records import plain
from initpy.core.secret import Secret
from initpy.core.settings import ExtraMount, OtherCheck

Record = Mapping[str, Any]

EVENTS: dict[str, type[Event]] = {
    each.__name__: each
    for each in (
        BootStarted, DeviceChanged, Enumerated, DeviceRemoved, JobEnded, Progressed, Mounted,
        Answered, Fetched, HandOverRefused, ShellEnded, KeyPressed, RetryAsked, WaitAsked, KeyGiven,
        TimePassed, DhcpReceived, DhcpMalformed, LinkConfigured, LinkMade, LinkJoined,
        Resolved,
    )
}  # fmt: skip
# Lines that the runtime writes for users: neither events nor decisions.
NOTES = frozenset({"EngineStarted", "HandedOver", "Unclaimed", "Lost"})
# What was typed is in no journal. The core only asks whether it is empty, or yes or no.
UNKNOWN = b"\xffunknown"


def is_event(record: Record) -> bool:
    """True for a line about something that happened, False for a decision or a note."""
    return record["kind"] in EVENTS


def is_decision(record: Record) -> bool:
    """True for a line about what the core wanted done."""
    return record["kind"] not in EVENTS and record["kind"] not in NOTES


def event_of(record: Record, answer: bytes = UNKNOWN) -> Event:
    """The event of a line; `answer` takes the place of a secret that was given.

    Raises InputError when the line lacks what the event has.
    """
    kind = record["kind"]
    try:
        known = {key: value for key, value in record.items() if key not in ("t", "kind")}
        if "device" in known:
            known["device"] = _device(known["device"])
        if "devices" in known:
            known["devices"] = tuple(map(_device, known["devices"]))
        if "extra_mounts" in known:
            known["extra_mounts"] = tuple(map(_extra_mount, known["extra_mounts"]))
        if "other_checks" in known:
            known["other_checks"] = tuple(map(other_check, known["other_checks"]))
        if "link_files" in known:
            known["link_files"] = tuple(map(file_of, known["link_files"]))
        if "reply" in known:
            known["reply"] = reply_of(known["reply"])
        if "addresses" in known:
            known["addresses"] = tuple(known["addresses"])
        if known.get("secret") is not None:
            known["secret"] = Secret(answer if known["secret"] else b"")
        return EVENTS[kind](**known)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        expected = f"the fields of a journalled {kind}"
        raise InputError(f"journal, t={record.get('t')}", str(error), expected) from None


def _device(record: Record) -> Device:
    links, slaves = frozenset(record["links"]), frozenset(record["slaves"])
    kind = KINDS[record.get("kind", BLOCK.name)]
    return Device(record["name"], dict(record["properties"]), links, slaves, kind)


def _extra_mount(values: list[Any]) -> ExtraMount:
    target, spec, types, flags, checked, *limit = values  # older journals have no limit
    return ExtraMount(target, _spec(spec), tuple(types), tuple(flags), checked, *limit)


def _spec(values: list[Any]) -> DeviceSpec:
    naming, value, offset, *listed = values  # older journals have no more
    shown = (tuple(tuple(map(tuple, each)) for each in every) for every in listed)
    return DeviceSpec(Naming(naming), value, offset, *shown)


def other_check(values: list[Any]) -> OtherCheck:
    """The check of a line of fstab from its plain form."""
    target, spec = values
    return OtherCheck(target, _spec(spec))


def decisions(actions: tuple[Action, ...]) -> list[dict[str, Any]]:
    """The lines that a journal would have for the actions, without their times."""
    return [
        {"kind": type(each).__name__, **json.loads(json.dumps(plain(each)))}
        for each in actions
        if not isinstance(each, Arm)
    ]


def alike(expected: Record, got: Record) -> bool:
    """Whether two decisions are the same, in all that the older journal tells."""
    return all(got.get(key, ...) == value for key, value in expected.items() if key != "t")
