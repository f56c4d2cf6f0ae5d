"""What a job's templates and facts come to on its subject."""

import re
from collections.abc import Mapping, Sequence

from initpy.core.devices.graph import Device
from initpy.core.devices.marks import LOOK
from initpy.core.jobs.filling import fill_in
from initpy.core.jobs.instance import Instance
from initpy.core.jobs.matching import Match
from initpy.core.state.context import Context

# Folders of links that stay; the first that has the device is taken.
LASTING = ("/dev/disk/by-id/", "/dev/disk/by-partuuid/", "/dev/mapper/", "/dev/disk/by-path/")
NAME_IN_PATTERN = re.compile(r"\{([A-Z][A-Z0-9_]*)\}")  # {2} is a number of repetitions


def fill(context: Context, template: str, instance: Instance) -> str:
    """Put the subject's properties into a template; absent properties become empty.

    `{below}` is the node of a device that the subject stands on.
    """
    if "{" not in template:
        return template
    device = context.device(instance)
    if "{below}" in template and device is not None:
        lower = context.devices.slaves(device.name)
        template = template.replace("{below}", lower[0].node if lower else "")
    return fill_for(template, device)


def fill_for(template: str, device: Device | None) -> str:
    """Put this device's properties into a template; `{link}` is the path that it keeps."""
    if "{" not in template:
        return template
    if "{link}" in template and device is not None:
        template = template.replace("{link}", lasting(device))
    return fill_in(template, device.properties if device is not None else {})


def filled_pattern(template: str, device: Device | None) -> re.Pattern[str]:
    """A pattern of a job file, with this device's properties in it as plain text."""
    known = device.properties if device is not None else {}
    filled = NAME_IN_PATTERN.sub(lambda found: re.escape(known.get(found[1], "")), template)
    return re.compile(filled, re.MULTILINE)


def lasting(device: Device) -> str:
    """A path of the device that is the same in the next boot; its node if it has none."""
    for folder in LASTING:
        if found := sorted(each for each in device.links if each.startswith(folder)):
            return found[0]
    return device.node


def command(
    context: Context, instance: Instance, several: Mapping[str, Sequence[str]] | None = None
) -> tuple[str, ...]:
    """The job's command, its templates filled in.

    `several`: placeholders of a strategy that stand for any number of words, as `{without}`
    does for all.
    """
    words: list[str] = []
    for word in instance.definition.run:
        if "{" not in word:
            words.append(word)
        elif several is not None and word in several:
            words += several[word]
        elif word == "{looking}":
            words += looking(context, instance)
        elif word == "{parts}":
            parts = context.devices.slaves(instance.subject or "")
            words += [fill_for(each, part) for part in parts for each in instance.definition.parts]
        elif word == "{with}":
            on = context.settings.switched_on
            added = [extra for switch, extra in instance.definition.added if switch in on]
            words += dict.fromkeys(each for extra in added for each in extra)
        elif word == "{without}":
            off = context.settings.switched_off
            for switch, given in instance.definition.without:
                words += given if switch in off else ()
        else:
            words.append(fill(context, word, instance))
    return tuple(words)


def looking(context: Context, instance: Instance) -> tuple[str, ...]:
    """What `{looking}` stands for: nothing, unless the subject is only looked into."""
    device, given = context.device(instance), instance.definition.looking
    if device is None or given is None or LOOK not in device.properties:
        return ()
    return tuple(fill(context, word, instance) for word in given)


def describe(context: Context, instance: Instance) -> str:
    """What the job does, as a sentence part for the user."""
    return fill(context, instance.definition.does, instance)


def holds_true(context: Context, instance: Instance, device: Device | None) -> bool:
    """True when the world shows what the job is to achieve; `device`: its subject, as it is now."""
    holder, subject, awaited, mounted, published, succeeded, ended = instance.definition.success
    if ((succeeded or ended) and not instance.succeeded) or (published and not instance.published):
        return False
    if mounted and fill(context, mounted, instance) not in context.goals.mounted:
        return False
    if subject is not None and not (device is not None and subject.accepts(device.properties)):
        return False
    if holder is not None and not _has_holder(context, instance.subject, holder):
        return False
    return not awaited or _has_device(context, instance)


def _has_holder(context: Context, subject: str | None, match: Match) -> bool:
    for each in context.devices.upon(subject) if subject is not None else ():
        if match.accepts(each.properties):
            return True
    return False


def awaited(context: Context, instance: Instance) -> list[tuple[str, str]]:
    """The `(property, value)` pairs of any device that the job's success asks for."""
    asked = instance.definition.success.device or {}
    return [(key, fill(context, text, instance)) for key, text in asked.items()]


def _has_device(context: Context, instance: Instance) -> bool:
    found = [context.devices.having(key, value) for key, value in awaited(context, instance)]
    return bool(found) and bool(frozenset.intersection(*found))
