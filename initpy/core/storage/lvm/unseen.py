"""Hides disks from LVM, which looks at all devices and refuses what it sees twice.

A second path to a disk without multipath is hidden by its name. Beside a map of multipath LVM sees
the physical volumes that udev has told of, and no other device: it opens each disk, and would wait
for a path that does not answer.

The volumes of a group of another system that is looked at are hidden, too. With scan_lvs=1
(lvm.conf) LVM would find a physical volume on one, and put volumes on it that are written to.

global_filter of lvm.conf(5): the first pattern that fits counts, what fits none is accepted. For
that call it replaces the user's own. LVM takes one --config (lvm(8)).
"""

from collections.abc import Sequence

from initpy.core.devices.marks import FOREIGN
from initpy.core.state.context import Context
from initpy.core.storage.duplicates import hidden
from initpy.core.storage.lvm.state import own

CONFIG, PROGRAM = "--config", "lvm"
MEMBER = "LVM2_member"
MAP = "mpath-"  # of DM_UUID


def without(context: Context, command: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command of LVM as it does not see what it must not."""
    patterns = [_pattern("r", node) for node in hidden(context)]
    patterns += [f'"r|^/dev/mapper/{each.replace("-", "--")}-|"' for each in _looked_at(context)]
    if any(each.properties.get("DM_UUID", "").startswith(MAP) for each in context.devices):
        members = (each for each in context.devices if each.properties.get("ID_FS_TYPE") == MEMBER)
        patterns += [_pattern("a", node) for node in sorted(each.node for each in members)]
        patterns.append('"r|.*|"')
    return filtered(patterns, command)


def _looked_at(context: Context) -> list[str]:
    """The groups of other systems with volumes that are only looked at, told of or not."""
    known = (each.properties for each in context.devices if FOREIGN in each.properties)
    return sorted(own(context).looked_at | {each.get("DM_VG_NAME", "") for each in known})


def filtered(patterns: Sequence[str], command: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command of LVM with a filter; without patterns as it is."""
    if not patterns:
        return command
    words, setting = list(command), f"devices/global_filter=[{', '.join(patterns)}]"
    if CONFIG in words:
        words[words.index(CONFIG) + 1] += f" {setting}"
    else:
        at = words.index(PROGRAM) + 2  # behind the subcommand
        words[at:at] = [CONFIG, setting]
    return tuple(words)


def _pattern(action: str, node: str) -> str:
    return f'"{action}|^{node}$|"'
