"""Finds the root that an image must boot: this machine's, unless a container or chroot hides it.

A kernel is also installed where it will never run: in a container, or in the chroot of a program
that builds disk images. sysfs then shows the disks of the build host. `initpy install` skips the
proof there and says so; a user who knows the root passes --root.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from initpy.image.stack.bootlines import RUNNING
from initpy.image.stack.describe import Kind, Stack, StackError, describe

# Created by systemd-nspawn and LXC, and by podman.
CONTAINER_MARKS = ("/run/systemd/container", "/run/.containerenv")
# Created by docker. A machine whose disk was filled from a container has this file too.
PERHAPS_CONTAINER = "/.dockerenv"
CONTAINER, PERHAPS = "a container", "perhaps a container"


@dataclass(frozen=True, slots=True)
class Target:
    """The stack that an image must boot; without one, the reason."""

    stack: Stack | None
    reason: str = ""


def find_target(
    spec: str | None = None,
    *,
    place: Callable[[], str | None] | None = None,
    described: Callable[[str], Stack] = describe,
) -> Target:
    """Return the root that `spec` names (see `describe`), or this machine's.

    Raises StackError if the named root, or the root of a machine outside containers and chroots,
    cannot be described.
    """
    if spec is not None:
        return Target(described(spec))
    inside = (place or elsewhere)()
    if inside == CONTAINER:
        return Target(None, "this is a container, which boots no image")
    try:
        stack = described("/")
    except StackError:
        if inside is None:
            raise
        return Target(None, f"this is {inside}, from which no root is visible")
    # The chroot of an installer or rescue system is on the disks that will boot; the chroot of a
    # disk image's builder is on a loop device.
    files = [layer.name for layer in stack.layers if layer.kind is Kind.LOOP]
    if inside is not None and files:
        return Target(None, f"this is {inside} on a disk image ({files[0]})")
    return Target(as_booted(stack, inside))


def as_booted(stack: Stack, inside: str | None) -> Stack:
    """Return a stack without the running system's command line if that booted another root.

    `inside` is what `elsewhere` says: what is perhaps a container may be a machine.
    """
    if inside in (None, PERHAPS):
        return stack
    # Neither did the loader that the running command line names start this root.
    kept = (each for each in stack.command_lines if each.origin != RUNNING)
    lines = tuple(replace(each, in_use=False) for each in kept)
    return replace(stack, cmdline="", command_lines=lines)


def elsewhere(root: Path = Path("/")) -> str | None:
    """Return "a chroot" or the like if this process does not see the root that PID 1 sees."""
    if any((root / mark.lstrip("/")).exists() for mark in CONTAINER_MARKS):
        return CONTAINER
    if (root / PERHAPS_CONTAINER.lstrip("/")).exists():
        return PERHAPS
    first = root / "proc/1"
    if not first.exists():
        return "a chroot without /proc"
    try:
        same = (first / "root/.").samefile(root)
    except OSError:
        # Only root may read this link. If root may not either, it is in a sandbox.
        return "a sandbox" if os.geteuid() == 0 else None
    return None if same else "a chroot"
