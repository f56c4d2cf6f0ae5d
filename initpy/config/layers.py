"""The parameters that say which arrays, volume groups and encrypted volumes are built, and how."""

import re
from collections.abc import Callable

from initpy.config.commandline import Parameter
from initpy.config.draft import Draft
from initpy.core.layer import Layer
from initpy.core.settings import Degraded, LayerPolicy

ARRAY_UUID = "[0-9a-fA-F]{32}"


def _degraded(draft: Draft, parameter: Parameter) -> None:
    try:
        draft.set(md_degraded=Degraded(parameter.value))
    except ValueError:
        draft.set(md_degraded=Degraded.NO)  # a start without members writes to the others
        raise parameter.error("yes, no or ask") from None


def _boot_degraded(draft: Draft, parameter: Parameter) -> None:
    draft.set(md_degraded=Degraded.NO)  # where it is no flag, too
    draft.set(md_degraded=Degraded.YES if parameter.flag() else Degraded.NO)


def _enable(layer: Layer) -> Callable[[Draft, Parameter], None]:
    def handler(draft: Draft, parameter: Parameter) -> None:
        if layer is Layer.MD:
            draft.enabled[layer] = False  # where it is no flag, too: arrays are written to
        draft.enabled[layer] = parameter.flag()

    return handler


def _switch(*names: str) -> Callable[[Draft, Parameter], None]:
    """A parameter that is on unless it is 0; or, with names, one that switches those off."""

    def handler(draft: Draft, parameter: Parameter) -> None:
        off = draft.settings.switched_off
        keys = names or (parameter.key,)
        draft.set(switched_off=off.union(keys))  # where it is no flag, too
        on = parameter.flag() != bool(names)
        draft.set(switched_off=off.difference(keys) if on else off.union(keys))

    return handler


def _array(draft: Draft, parameter: Parameter) -> None:
    # Every tool punctuates it in its own way. One that is wrong would switch off all arrays.
    expected = "the UUID of an array, 32 hexadecimal digits"
    uuid = parameter.text(expected)
    if not re.fullmatch(ARRAY_UUID, uuid.replace(":", "").replace("-", "")):
        raise parameter.error(expected)
    draft.name(Layer.MD, uuid)


def finish(draft: Draft) -> None:
    """Say of each layer whether it is built, and what of it."""
    parameters = {Layer.MD: "rd.md.uuid=", Layer.LVM: "rd.lvm.vg=", Layer.LUKS: "rd.luks.uuid="}
    names, chosen = draft.groups, draft.settings  # without LVM's policy
    below = chosen.image.host if chosen.image is not None else chosen.root
    hibernated = chosen.resume.source if chosen.resume is not None else None
    draft.set(lvm=names.policy(below, chosen.volumes, hibernated))
    chosen = draft.settings
    draft.named[Layer.LVM] = names.named(chosen.lvm.hinted)
    policies = {}
    for layer, parameter in parameters.items():
        enabled = draft.enabled.get(layer, True)
        named = frozenset(draft.named.get(layer, ()))
        by = parameter if enabled else f"rd.{layer.value}=0"
        if not draft.auto and not named:
            # Only what is named, and that is nothing; encrypted volumes have a list of their own.
            named = chosen.lvm.hinted if layer is Layer.LVM else frozenset()
            named = named or frozenset(("",))
            by += " (rd.auto=0 leaves out all others)"
            if layer is Layer.LUKS:
                enabled = enabled and any(not each.beside for each in chosen.volumes)
                named = frozenset()
        policies[layer] = LayerPolicy(enabled, named, by)
    draft.set(layers=policies)


HANDLERS: dict[str, Callable[[Draft, Parameter], None]] = {
    "rd.md": _enable(Layer.MD),
    "rd.md.uuid": _array,
    "rd.md.conf": _switch(),
    "rd.md.imsm": _switch(),
    "rd.md.ddf": _switch(),
    # The words for the same that udev's rules read.
    "noiswmd": _switch("rd.md.imsm"),
    "nodmraid": _switch("rd.md.imsm", "rd.md.ddf"),
    "rd.md.timeout": lambda draft, p: draft.set(md_timeout=p.seconds()),
    "rd.md.degraded": _degraded,
    "bootdegraded": _boot_degraded,
    "rd.lvm": _enable(Layer.LVM),
    "luks": _enable(Layer.LUKS),
    "rd.luks": _enable(Layer.LUKS),
}
