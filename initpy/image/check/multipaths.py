"""Judges whether the image's multipath makes the maps that the root stands on: multipath.conf(5).

A disk that its blacklist leaves out is no path, and the map does not appear. Where the image's own
multipath can be run, `multipath -t` tells the whole configuration, with what is built in.
"""

import re
from collections.abc import Iterator

from initpy.core.devices.names import Naming
from initpy.core.settings import Settings
from initpy.image.check import interpreter
from initpy.image.check.proof import Row, Verdict
from initpy.image.content import multipathconf, stage
from initpy.image.content.multipathconf import Disk, Tables
from initpy.image.formats.archive import Archive
from initpy.image.process import ToolError, in_root, run
from initpy.image.scratch import NoScratchError, no_execution, scratch_folder
from initpy.image.stack.layers import Kind, Layer, Stack
from initpy.image.tree import File, content_size

PROGRAM = "/usr/sbin/multipath"
# What it opens at its start: the default checker and priorities (init_config() of libmultipath).
PARTS = ("libchecktur.so", "libprioconst.so")
PREFIX = "mpath-"  # of a map's UUID


class Multipaths:
    """The maps of a stack, as the image's multipath will see their paths."""

    def __init__(
        self, archive: Archive, stack: Stack, settings: Settings, *, may_run: bool
    ) -> None:
        self._archive = archive
        self._stack = stack
        self._settings = settings
        self._may_run = may_run
        self._tables: tuple[Tables, str] | None = None

    def rows(self, layer: Layer) -> Iterator[Row]:
        """Yield the rows of a map; none for another layer."""
        uuid = layer.property("DM_UUID")
        if layer.kind is not Kind.MULTIPATH or not uuid.startswith(PREFIX):
            return
        title, lost = f"{layer.name} ({layer.kind.value})", self._without(layer)
        absent = PROGRAM if PROGRAM not in self._archive else next(self._absent_parts(), None)
        if absent is not None:
            reason = f"{absent} is not in the image: no disk would be a path"
            yield Row(title, "multipath", lost, reason)
            return
        if multipathconf.PATH not in self._archive:
            reason = f"without {multipathconf.PATH} in the image no disk is a path"
            yield Row(title, "multipath.conf", lost, reason)
            return
        tables, how = self._read()
        if tables.invalid is not None:
            reason = f"multipath refuses the configuration for {tables.invalid}: no disk is a path"
            yield Row(title, "multipath.conf", lost, f"{reason} (regex(7): `.*` is any text)")
            return
        wwid = uuid.removeprefix(PREFIX)
        for each in layer.on:
            path = self._stack.layer(each)
            verdict, reason = self._path(tables, path, wwid, lost)
            yield Row(title, "multipath.conf", verdict, f"{reason} ({how})")
        yield from self._named(
            title, layer, tables.name_of(wwid, self._text(tables.bindings) or "")
        )

    def _named(self, title: str, layer: Layer, name: str | None) -> Iterator[Row]:
        """Judge the name of a map, if root= uses it or that of one of its partitions."""
        root, now = self._settings.root, layer.property("DM_NAME")
        parts = re.compile(rf"/dev/mapper/{re.escape(now)}((-part|p)?[0-9]+)?")
        named = root is not None and root.naming is Naming.PATH and parts.fullmatch(root.value)
        if not named or name == now:
            return
        if name is None:
            reason = f"cannot know: {multipathconf.BINDINGS} of the image does not list its WWID"
            yield Row(
                title,
                "its name",
                Verdict.UNKNOWN,
                f"{reason}, so it may get another one: run `multipath`, and build again",
            )
            return
        reason = f"by the image's configuration it is {name}, and root= names {now}"
        yield Row(title, "its name", Verdict.MISSING, f"{reason}; root=UUID= does not change")

    def _absent_parts(self) -> Iterator[str]:
        names = {path.rpartition("/")[2] for path in self._archive.entries}
        return (each for each in PARTS if each not in names)

    def _path(self, tables: Tables, path: Layer, wwid: str, lost: Verdict) -> tuple[Verdict, str]:
        vendor, product = (_text(path, f"ID_{each}") for each in ("VENDOR", "MODEL"))
        name = path.name.rpartition("/")[2]
        disk = Disk(name, wwid, vendor, product, _protocol(path.property("DEVLINKS")))
        rule, certain = tables.refusal(disk)
        if rule is not None and certain:
            return lost, f"the blacklist leaves out {path.name}: {rule}"
        if rule is not None:
            return Verdict.UNKNOWN, (
                f"cannot know whether the blacklist means {path.name}: {rule}. Add its WWID, "
                f"{wwid}, to blacklist_exceptions"
            )
        if tables.find != multipathconf.GREEDY and not self._lists(tables.wwids, wwid):
            reason = f"find_multipaths is {tables.find}, and {tables.wwids} does not list {wwid}"
            return lost, f"{reason}: `multipath -a {path.name}`, then build again"
        return Verdict.OK, f"{path.name} is a path"

    def _lists(self, path: str, wwid: str) -> bool:
        lines = (self._text(path) or "").splitlines()
        return f"/{wwid}/" in (line.strip() for line in lines)

    def _without(self, layer: Layer) -> Verdict:
        """Say what it means that a map does not appear: its disks do, as several of the same.

        LVM takes none of several, and a path of the map names nothing. Other names lead to one.
        """
        pending, above = [layer], list[Layer]()
        while pending:
            found = self._stack.above(pending.pop())
            above += found
            pending += found
        named = self._settings.root is not None and self._settings.root.naming is Naming.PATH
        if named or any(each.kind is Kind.LVM for each in above):
            return Verdict.MISSING
        return Verdict.WARNING

    def _read(self) -> tuple[Tables, str]:
        """Return the image's configuration, and how it was read."""
        if self._tables is None:
            shown = self._shown()
            if shown:
                self._tables = multipathconf.read([shown]), "by the image's multipath -t"
            else:
                texts = [multipathconf.BUILT_IN, *self._texts()]
                self._tables = multipathconf.read(texts), "by its files"
        return self._tables

    def _shown(self) -> str:
        """Return what `multipath -t` of the image prints; "" where it cannot be run."""
        if interpreter.why_not(self._stack.machine, self._may_run):
            return ""
        tree = interpreter.content_of(self._archive)
        try:
            with scratch_folder("check", content_size(tree)) as root:
                if no_execution(root):
                    return ""
                stage.write_out(tree, root)
                return run(in_root(root, [PROGRAM, "-t"])).decode("utf-8", "replace")
        except (ToolError, NoScratchError):
            return ""

    def _texts(self) -> Iterator[str]:
        text = self._text(multipathconf.PATH) or ""
        yield text
        for folder in (multipathconf.FOLDER, *multipathconf.files(text)):
            inside = (each for each in self._archive.entries if each.startswith(f"{folder}/"))
            for path in sorted(each for each in inside if each.endswith(".conf")):
                yield self._text(path) or ""

    def _text(self, path: str) -> str | None:
        entry = self._archive.get(path)
        return entry.read().decode("utf-8", "replace") if isinstance(entry, File) else None


def _protocol(links: str) -> str:
    """Return the protocol as libmultipath calls it; "" if the path's names do not tell it."""
    kinds = {"-iscsi-": "iscsi", "-fc-": "fcp", "-sas-": "sas", "-ata-": "ata"}
    by_path = [each for each in links.split() if each.startswith("/dev/disk/by-path/")]
    found = (kind for part, kind in kinds.items() if any(part in each for each in by_path))
    return next((f"scsi:{each}" for each in found), "")


def _text(path: Layer, name: str) -> str:
    """Return vendor or model as the kernel has it: udev writes `_` for spaces, else as they are."""
    encoded = path.property(f"{name}_ENC")
    return encoded.replace("\\x20", " ").strip() if encoded else path.property(name)
