"""Which root an image must be able to boot: the one this machine stands on, where there is one.

A kernel is also installed where it will never run: in the chroot of a program
that makes disk images, or in a container. What is seen from there are the disks
of the machine that does the work. An image is then installed without the proof,
which says so; one who knows the root names it.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from initpy.image.stack.describe import Kind, Stack, StackError, describe

# Left in a container by systemd-nspawn and LXC, and by podman.
CONTAINER_MARKS = ("/run/systemd/container", "/run/.containerenv")
# By docker; but a machine's disk that was filled from a container's has it as well.
PERHAPS_CONTAINER = "/.dockerenv"
CONTAINER = "a container"


@dataclass(frozen=True, slots=True)
class Target:
    """What an image is proved against; if nothing, the reason why."""

    stack: Stack | None
    reason: str = ""


def find_target(
    spec: str | None = None,
    *,
    place: Callable[[], str | None] | None = None,
    described: Callable[[str], Stack] = describe,
) -> Target:
    """The root that `spec` names (see `describe`), or else this machine's.

    Raises StackError if the named root, or that of a machine which runs by itself,
    cannot be described.
    """
    if spec is not None:
        return Target(described(spec))
    inside = (place or elsewhere)()
    if inside == CONTAINER:
        return Target(None, "this is a container, whose root no image boots")
    try:
        stack = described("/")
    except StackError:
        if inside is None:
            raise
        return Target(None, f"this is {inside}, where no root can be seen")
    # An installer's or rescuer's chroot stands on the disks that it will boot
    # from; that of an image's maker on a file.
    files = [layer.name for layer in stack.layers if layer.kind is Kind.LOOP]
    if inside is not None and files:
        return Target(None, f"this is {inside} on a disk image ({files[0]})")
    return Target(stack)


def elsewhere(root: Path = Path("/")) -> str | None:
    """What this process is in, if it does not see the machine as its init does."""
    if any((root / mark.lstrip("/")).exists() for mark in CONTAINER_MARKS):
        return CONTAINER
    if (root / PERHAPS_CONTAINER.lstrip("/")).exists():
        return "perhaps a container"
    first = root / "proc/1"
    if not first.exists():
        return "a chroot without /proc"
    try:
        same = (first / "root/.").samefile(root)
    except OSError:
        # Others than root may not look; root may, unless it is shut in somewhere.
        return "a sandbox" if os.geteuid() == 0 else None
    return None if same else "a chroot"
