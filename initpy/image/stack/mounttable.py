"""Reads the mount table of a system: /proc/self/mountinfo of proc_pid_mountinfo(5)."""

from dataclasses import dataclass

from initpy.config.textlines import lines, unescaped

IN_MEMORY = ("rootfs", "ramfs", "tmpfs")


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of mountinfo."""

    numbers: str
    point: str
    options: str
    kind: str
    source: str


class MountTable:
    """The mounts that a process sees."""

    def __init__(self, text: str) -> None:
        self._mounts = _mounts(text)

    def at(self, point: str) -> Mount | None:
        """Return the topmost mount at a mount point."""
        return next((each for each in reversed(self._mounts) if each.point == point), None)

    def holding(self, path: str) -> Mount | None:
        """Return the mount that holds a path, except /, which may hide the real one."""
        within = (each for each in self._mounts if each.point != "/")
        found = [each for each in within if f"{path}/".startswith(each.point.rstrip("/") + "/")]
        return max(found, key=lambda each: len(each.point), default=None)


def _mounts(text: str) -> tuple[Mount, ...]:
    found = []
    for line in lines(text):
        left, _, right = line.partition(" - ")
        fields, words = left.split(" "), right.split(" ")
        if len(fields) >= 6 and len(words) >= 2:
            options = ",".join((fields[5], *words[2:3]))
            point, source = unescaped(fields[4]), unescaped(words[1])
            found.append(Mount(fields[2], point, unescaped(options), words[0], source))
    return tuple(found)
