"""Checks whose arrays the root stands on, and whether they start with a member missing (R9, R36).

The boot asks mdadm, which compares the array's homehost with the image's host name; this module
repeats that comparison for the image: match_home in super0.c, super1.c, super-intel.c and
super-ddf.c, conf_match in config.c, and the end of main() in mdadm.c.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from initpy.config.commandline import parse
from initpy.config.hostname import IN_IMAGE, is_valid, of_file
from initpy.config.settings import read_settings
from initpy.core.layer import Layer as Technology
from initpy.core.settings import Degraded, Settings
from initpy.image.check.arraylines import ArrayLines, set_name
from initpy.image.check.programs import ImagePrograms
from initpy.image.check.proof import Row, Verdict
from initpy.image.content import mdadmconf
from initpy.image.formats.archive import Archive
from initpy.image.stack.layers import Kind, Layer, Stack
from initpy.image.tree import File

WRITER = "mdmon"  # mdadm starts it (start_mdmon() in its util.c)
NAMELESS = "(none)"  # the kernel's name for a machine without one
ANY = "any"  # the homehost of an array that any host may take
# Levels that lose data with the first member.
NO_SPARE = ("raid0", "linear")
# The name of a volume whose own name mdadm does not trust (create_mddev() in mdopen.c).
UNTRUSTED = re.compile(r".:|._\d+$")
PARITY = ("raid4", "raid5", "raid6")
ARRAY_LINE = "add its line of `mdadm --detail --brief` to /etc/mdadm/mdadm.conf and build again"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose an array is, by the rule of mdadm."""

    own: bool
    reason: str


class Arrays:
    """The arrays of a stack, as the image's mdadm will see them."""

    def __init__(
        self, archive: Archive, stack: Stack, cmdline: str, programs: ImagePrograms
    ) -> None:
        self._archive = archive
        self._programs = programs
        self._stack = stack
        self._settings: Settings = read_settings(cmdline)[0]
        self._forced = "md_mod.start_dirty_degraded=1" in cmdline.split()
        self._host = self._host_name(cmdline)
        ignored = "rd.md.conf" in self._settings.switched_off
        self._lines = ArrayLines(archive, stack, configured=not ignored)
        self._conf = self._lines.conf

    def rows(self, layer: Layer) -> Iterator[Row]:
        """Yield the rows of an array or container; none for another layer."""
        if layer.kind not in (Kind.MD, Kind.CONTAINER) or self._is_in_container(layer):
            return
        title = f"{layer.name} ({layer.kind.value})"
        owner = self._owner(layer)
        verdict = Verdict.OK if owner.own else Verdict.WARNING
        yield Row(title, "whose array", verdict, owner.reason)
        yield Row(title, "a missing member", Verdict.OK, self._without_member(layer, owner))
        if layer.kind is Kind.CONTAINER:
            yield self._writer(title)
        yield from self._refused(title, layer)

    def refused(self, layer: Layer) -> Iterator[Row]:
        """Yield the row of an array that the image's mdadm leaves alone, whoever calls it."""
        if layer.kind in (Kind.MD, Kind.CONTAINER) and not self._is_in_container(layer):
            title = f"{layer.name} ({layer.kind.value})"
            yield from self._refused(title, layer)

    def _refused(self, title: str, layer: Layer) -> Iterator[Row]:
        if why := self._lines.refusal(layer):
            yield Row(title, "mdadm.conf", Verdict.MISSING, why)

    def _writer(self, title: str) -> Row:
        """Judge the program that writes the metadata of a container (mdmon(8))."""
        found = self._programs.check(WRITER)
        if found is None or found.problem:
            problem = found.problem if found is not None else f"{WRITER} is not in the image"
            reason = f"{problem}: the container's arrays would stay read-only"
            return Row(title, "program mdmon", Verdict.MISSING, reason)
        return Row(title, "program mdmon", Verdict.OK, WRITER)

    def _host_name(self, cmdline: str) -> str:
        """Return the machine's name at boot (runtime/hostname.py)."""
        given = [each for each in parse(cmdline).parameters if each.key == "systemd.hostname"]
        names = [each.value or "" for each in given[-1:]]
        names.append(of_file(self._text(IN_IMAGE)))
        return next((name for name in names if is_valid(name)), NAMELESS)

    def _text(self, path: str) -> str:
        entry = self._archive.get(path)
        return entry.read().decode("utf-8", "replace") if isinstance(entry, File) else ""

    def _is_in_container(self, layer: Layer) -> bool:
        return any(self._stack.layer(below).kind is Kind.CONTAINER for below in layer.on)

    def _owner(self, layer: Layer) -> Owner:
        if self._settings.layer(Technology.MD).named:
            return Owner(True, "rd.md.uuid= names the arrays of this boot")
        if layer.kind is Kind.CONTAINER:
            return self._owner_of_container(layer)
        name = set_name(layer, self._stack)
        line = self._lines.line(layer)
        if line is not None:
            called = f", as {line.device}" if line.device else ""
            return Owner(True, f"an ARRAY line of the image's mdadm.conf names it{called}")
        host = self._host if self._conf.host is None else self._conf.host
        if self._is_of(layer, ANY):
            return Owner(True, "any host may take it (homehost any)")
        if host and self._is_of(layer, host):
            return Owner(True, f"{host} has made it, and so is this machine called at boot")
        if ":" not in name and not _is_old(layer):
            return Owner(True, "its name tells no host")  # HOST:NAME was too long, or not wanted
        if not self._conf.required:
            return Owner(True, "the image's mdadm.conf takes arrays of all hosts (HOMEHOST)")
        return Owner(False, self._foreign(layer, name, host))

    def _owner_of_container(self, layer: Layer) -> Owner:
        """Return whose a container's volumes are; mdadm shows a DDF host by their names only."""
        if layer.fact("metadata") != "external:ddf":
            return Owner(True, "firmware RAID is of the machine that has its disks")
        if self._lines.line(layer) is not None:
            return Owner(True, "an ARRAY line of the image's mdadm.conf names it")
        names = [each.property("MD_DEVNAME") for each in self._stack.above(layer)]
        host = self._host if self._conf.host is None else self._conf.host
        if host in ("", NAMELESS):
            return Owner(False, f"this image carries no host name: {ARRAY_LINE}")
        doubtful = next((each for each in names if UNTRUSTED.search(each)), "")
        if doubtful or not any(names):
            called = f"which mdadm calls {doubtful} here" if doubtful else "without a name"
            return Owner(False, f"firmware or another host has made it, {called}: {ARRAY_LINE}")
        return Owner(True, f"mdadm of this system takes {', '.join(names)} for this host's")

    def _foreign(self, layer: Layer, name: str, host: str) -> str:
        made = f"{name.partition(':')[0]} has made it"
        if _is_old(layer):
            made = "another host has made it (by its UUID)"
        called = "this image carries no host name" if host == NAMELESS else f"this one is {host}"
        return f"{made}, {called}: {ARRAY_LINE}"

    def _is_of(self, layer: Layer, host: str) -> bool:
        if _is_old(layer):
            digest = hashlib.sha1(host.encode(), usedforsecurity=False).digest()
            # Two little-endian words of the UUID (match_home0).
            digits = digest[3::-1].hex() + digest[7:3:-1].hex()
            return mdadmconf.digits(layer.property("MD_UUID"))[16:] == digits
        return set_name(layer, self._stack).startswith(f"{host}:")

    def _without_member(self, layer: Layer, owner: Owner) -> str:
        """Return whether and when the array starts with a member missing (R7, R8, R9)."""
        inside = [each for each in self._stack.above(layer) if layer.kind is Kind.CONTAINER]
        level = next((each.fact("level") for each in inside), layer.fact("level"))
        degraded = any(each.fact("degraded") for each in (layer, *inside))
        policy = self._settings.md_degraded
        if level in NO_SPARE:
            return f"does not start: {level} needs all its members"
        if policy is Degraded.NO:
            return "does not start: rd.md.degraded=no"
        if not owner.own:
            how = (
                "starts last, read-only, and becomes writable if what root= names is on it: "
                "it may be another machine's"
            )
        elif policy is Degraded.ASK:
            how = "starts when the user says so (rd.md.degraded=ask)"
        elif degraded:
            how = "starts at once: its metadata records that a member is missing"
        else:
            how = f"starts after {self._settings.md_timeout:g} s (rd.md.timeout=)"
        if level in PARITY and not self._forced:
            how += f"; not after a crash: a dirty {level} needs md_mod.start_dirty_degraded=1"
        return how


def _is_old(layer: Layer) -> bool:
    """Return whether the array's UUID tells its host, instead of its name."""
    return layer.fact("metadata").startswith("0.")
