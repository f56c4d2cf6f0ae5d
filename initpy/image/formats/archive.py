"""Read an initramfs image of any generator, and return the files that the kernel would unpack.

An image is a sequence of cpio archives, plain or compressed, with zero bytes between them
(Documentation/driver-api/early-userspace/buffer-format.rst). A unified kernel image holds this
sequence in a section. The reader follows init/initramfs.c when two entries have the same path.
It is stricter than the kernel about damage: an InputError names the file and the offset.
"""

import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from initpy.config.errors import InputError
from initpy.image.formats import decompress, pe
from initpy.image.formats.members import (
    DEFAULT_LIMITS,
    DamagedArchiveError,
    Limits,
    Member,
    Reader,
    read_members,
)
from initpy.image.tree import MOST_LINKS, Entry, File, Folder, Link, Node

PLAIN = "none"
STANDARD_INPUT = Path("-")
# The kernel's built-in archive creates these first (usr/default_cpio_list).
PRESENT = ("/", "/dev", "/root")
# Sections of a unified kernel image that the kernel gets as its initramfs, in this order.
INITRD_SECTIONS = (".ucode", ".initrd")


@dataclass(frozen=True, slots=True)
class Segment:
    """One plain archive of the image, or one compressed stream with its archives."""

    offset: int  # in the file
    size: int  # in the file
    compression: str  # "none" for a plain archive
    unpacked: int  # bytes after decompression
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """The segment and member that an entry comes from."""

    segment: int  # counted from 0
    member: Member


@dataclass(slots=True)
class Archive:
    """The unpacked content of an image; paths begin with a slash, as in a `Tree`."""

    path: Path
    size: int
    segments: tuple[Segment, ...] = ()
    sections: Mapping[str, bytes] = field(default_factory=dict)  # of a UKI, by name with the dot
    entries: dict[str, Entry] = field(default_factory=lambda: {"/": Folder()})
    origins: dict[str, Origin] = field(default_factory=dict)
    # Entries that the kernel will skip or treat in an unexpected way.
    warnings: list[str] = field(default_factory=list)

    def __contains__(self, path: str) -> bool:
        return self.resolve(path) is not None

    def __len__(self) -> int:
        return len(self.entries)

    def items(self) -> Iterator[tuple[str, Entry]]:
        """Yield the entries sorted by path, so that a folder precedes its content."""
        for path in sorted(self.entries):
            yield path, self.entries[path]

    def get(self, path: str) -> Entry | None:
        """Return the entry at a path, links followed; None if there is none."""
        found = self.resolve(path)
        return None if found is None else self.entries[found]

    def read(self, path: str) -> bytes:
        """Return a file's content, links followed. Raises FileNotFoundError."""
        entry = self.get(path)
        if not isinstance(entry, File):
            raise FileNotFoundError(f"{self.path}: no file {path} in it")
        return entry.read()

    def resolve(self, path: str, *, last: bool = True) -> str | None:
        """Return the path with all links followed inside the image; None if nothing is there.

        Without `last`, a link in the last component is not followed (as in lstat(2)).
        """
        ahead = [part for part in reversed(path.split("/")) if part not in ("", ".")]
        here = ""
        links = 0
        while ahead:
            part = ahead.pop()
            if part == "..":
                here = here.rpartition("/")[0]
                continue
            step = f"{here}/{part}"
            entry = self.entries.get(step)
            if entry is None and step not in PRESENT:
                return None
            if isinstance(entry, Link) and (ahead or last):
                links += 1
                if links > MOST_LINKS:
                    return None
                if entry.target.startswith("/"):
                    here = ""
                parts = reversed(entry.target.split("/"))
                ahead.extend(each for each in parts if each not in ("", "."))
                continue
            if ahead and entry is not None and not isinstance(entry, Folder):
                return None
            here = step
        return here if here in self.entries else "/" if not here else None


def read_archive(path: Path, limits: Limits = DEFAULT_LIMITS) -> Archive:
    """Read a whole image: an initramfs or a unified kernel image, of any generator.

    `-` is standard input. Raises InputError if the file is unreadable, damaged or above the limits.
    """
    try:
        if path == STANDARD_INPUT:
            path = Path("/dev/stdin")
        found = path.stat()
        if stat.S_ISCHR(found.st_mode):  # /dev/zero has no end; a pipe may be a user's zcat
            raise InputError(str(path), "a device", "an image's file")
        size = found.st_size
        if size > limits.image:
            raise InputError(str(path), size, f"an image of at most {limits.image} bytes")
        data = memoryview(path.read_bytes())
    except OSError as error:
        raise InputError(str(path), error.strerror, "a readable image") from None
    return parse_archive(path, data, limits)


def parse_archive(path: Path, data: memoryview, limits: Limits = DEFAULT_LIMITS) -> Archive:
    """Read an image that is in memory; `path` is used in messages only."""
    parts = [(0, data)]
    sections: dict[str, bytes] = {}
    if pe.is_pe(data):
        parts = []
        try:
            places = pe.sections(data)
        except pe.DamagedPeError as error:
            raise InputError(f"{path}: byte {error.offset}", error.value, error.expected) from None
        sections = {name: bytes(data[at : at + size]) for name, (at, size) in places.items()}
        for name in INITRD_SECTIONS:
            if name in places:
                at, size = places[name]
                parts.append((at, data[at : at + size]))
        if ".initrd" not in places:
            expected = "an initramfs image, or a unified kernel image with a section .initrd"
            raise InputError(str(path), "a PE file without one", expected)
    segments: list[Segment] = []
    warnings: list[str] = []
    for base, part in parts:
        segments.extend(_Scan(path, base, part, limits, len(segments), warnings).segments())
    if not segments:
        raise InputError(str(path), "nothing but zero bytes" if data else "", "a cpio archive")
    archive = Archive(path, len(data), tuple(segments), sections, warnings=warnings)
    names: dict[str, set[str]] = {}
    for number, segment in enumerate(segments):
        _Placing(archive, number, names).all(segment.members)
    return archive


@dataclass(slots=True)
class _Scan:
    """Finds the archives in an image or in a section that begins at `base`."""

    path: Path
    base: int
    data: memoryview
    limits: Limits
    number: int
    warnings: list[str]  # of what the kernel leaves out
    stopped: bool = False

    def segments(self) -> Iterator[Segment]:
        limits = self.limits
        position = self._padding(0)
        while position < len(self.data):
            try:
                segment = self._segment(position, limits)
            except _UnreachedError as error:
                if not self.number:
                    raise InputError(error.where, error.value, error.expected) from None
                # unpack_to_rootfs: what was unpacked before stays.
                left = len(self.data) - position
                self.warnings.append(f"{error}: the kernel stops here, {left} bytes are left out")
                return
            yield segment
            if self.stopped:
                return
            limits = limits._replace(
                entries=limits.entries - len(segment.members),
                total=limits.total - segment.unpacked,
            )
            position = self._padding(position + segment.size)
            self.number += 1

    def _padding(self, position: int) -> int:
        """Return the position of the next byte that is not zero."""
        while position < len(self.data):
            piece = bytes(self.data[position : position + 4096])
            rest = piece.lstrip(b"\0")
            position += len(piece) - len(rest)
            if rest:
                break
        return position

    def _segment(self, position: int, limits: Limits) -> Segment:
        first = self.data[position]
        compression = PLAIN if first == ord("0") else decompress.recognise(self.data[position:])
        offset = self.base + position
        if compression is None:
            head = bytes(self.data[position : position + 6])
            expected = "a cpio archive, or one compressed in a way that the kernel knows"
            raise _UnreachedError(f"{self.path}: byte {offset}", head, expected)
        if compression == "xz" and (check := decompress.xz_check(self.data[position:])):
            expected = "xz with CRC32 as check, which the kernel knows (xz --check=crc32)"
            raise _UnreachedError(f"{self.path}: byte {offset}", f"xz with {check}", expected)
        if compression == PLAIN and position % 4:
            expected = "the archive at a multiple of four, where the kernel looks for one"
            raise _UnreachedError(f"{self.path}: byte {offset}", position, expected)
        where = f"{self.path}: segment {self.number} ({compression}, at byte {offset})"
        try:
            if compression == PLAIN:
                reader = Reader(decompress.plain(self.data[position:]), limits.total)
                members = tuple(read_members(reader, limits))
                size = reader.offset
            else:
                stream = decompress.Stream(self.data, position, compression)
                reader = Reader(stream.pieces(), limits.total)
                left: list[int] = []
                members = tuple(_stream_members(reader, limits, left, later=self.number > 0))
                self.warnings += [
                    f"{where}: byte {at} of its content: an archive that is not at a multiple of "
                    "four: the kernel stops here"
                    for at in left
                ]
                if left:
                    self.stopped = True
                    reader.drain()
                size = stream.end - position
                if stream.unfinished:
                    lost = len(self.data) - stream.end
                    self.warnings.append(
                        f"{where}: four zero bytes have to follow: the kernel stops here, "
                        f"{lost} bytes are left out"
                    )
                    self.stopped = True
        except DamagedArchiveError as error:
            raise InputError(f"{where}: byte {error.offset}", error.value, error.expected) from None
        except decompress.DamagedStreamError as error:
            at = f"{self.path}: byte {self.base + error.offset}"
            raise InputError(at, error.problem, f"a whole {compression} stream") from None
        except MemoryError:
            raise InputError(where, "too large", "an image that fits into memory") from None
        return Segment(offset, size, compression, reader.offset, members)


class _UnreachedError(ValueError):
    """Bytes at which the kernel does not look for an archive."""

    def __init__(self, where: str, value: object, expected: str) -> None:
        super().__init__(f"{where}: {value!r}: expected {expected}")
        self.where, self.value, self.expected = where, value, expected


def _stream_members(
    reader: Reader, limits: Limits, left: list[int], *, later: bool
) -> Iterator[Member]:
    """Yield the members of all archives in one stream, which must hold nothing else.

    After another archive (`later`) a stream may be empty, or hold zeros only. An archive
    at a place that is no multiple of four ends what the kernel unpacks ("broken padding"): `left`
    gets the place.
    """
    first = b""
    count = 0
    if later:
        first = reader.skip_zeros()
        if not first.strip(b"\0"):
            return
    while True:
        for member in read_members(reader, limits._replace(entries=limits.entries - count), first):
            count += 1
            yield member
        reader.take(-reader.offset % 4)
        first = reader.skip_zeros()
        if not first.strip(b"\0"):
            return
        if first.startswith(b"\0"):
            left.append(reader.offset - len(first.lstrip(b"\0")))
            return


class _Placing:
    """Adds the members of a segment to the archive's entries as the kernel would."""

    def __init__(self, archive: Archive, segment: int, names: dict[str, set[str]]) -> None:
        self._archive = archive
        self._names = names  # all names of a file with several, by each; of all segments
        self._entries = archive.entries
        self._segment = segment
        self._linked: dict[tuple[int, int, int], list[str]] = {}
        self._folders: dict[str, str] = {}  # folder as named -> folder with links followed

    def all(self, members: tuple[Member, ...]) -> None:
        for member in members:
            path = self._path(member.name)
            if path is None:
                self._warn(f"{member.name}: its folder is absent: the kernel skips it")
            elif self._makes_way(path, member.entry):
                self._put(path, member)

    def _path(self, name: str) -> str | None:
        """Return the path of a name, links among its folders followed; None without its folder."""
        if name == ".":
            return "/"
        parent, _, last = name.rpartition("/")
        folder = self._folders.get(parent) or self._archive.resolve(parent)
        if folder is None and f"/{parent}" in PRESENT:
            folder = f"/{parent}"
            self._entries[folder] = Folder()
        if folder is None or not isinstance(self._entries[folder], Folder):
            return None
        self._folders[parent] = folder
        return f"{folder.rstrip('/')}/{last}"

    def _makes_way(self, path: str, entry: Entry) -> bool:
        """Return whether the kernel creates an entry at a path, and warn if it does not (R30).

        The kernel removes an entry of another type first.
        """
        present = self._entries.get(path)
        if present is None:
            return True
        if type(present) is type(entry):
            # The kernel writes to a file, sets a folder's mode, makes a link anew (clean_path with
            # mode 0); for devices it gets EEXIST.
            if not isinstance(entry, Node) or present == entry:
                return True
            self._warn(f"{path}: is there already: the kernel keeps the first")
            return False
        if isinstance(present, Folder) and any(
            other.startswith(f"{path.rstrip('/')}/") for other in self._entries
        ):
            self._warn(f"{path}: a folder that is not empty: the kernel keeps it")
            return False
        return True

    def _put(self, path: str, member: Member) -> None:
        entry = member.entry
        if path in self._entries or isinstance(entry, Link):
            self._folders.clear()
        if isinstance(entry, File):
            entry = self._file(path, member, entry)
        elif group := self._names.pop(path, None):
            group.discard(path)
        self._entries[path] = entry
        self._archive.origins[path] = Origin(self._segment, member)

    def _file(self, path: str, member: Member, entry: File) -> File:
        """Return the data for a name of a file; its other names get it, too.

        Of several names only one carries the data, most often the last. The kernel links each
        further name to the first, and a later archive writes to the file that is there.
        """
        partners = self._linked.setdefault(member.inode, []) if member.links > 1 else []
        if partners and partners[0] != path:
            if group := self._names.pop(path, None):
                group.discard(path)
            group = self._names.setdefault(partners[0], {partners[0]})
            group.add(path)
            self._names[path] = group
            present = self._entries[partners[0]]
            if not entry.size() and isinstance(present, File):
                entry = present
        if member.links > 1:
            partners.append(path)
        for other in self._names.get(path, ()):
            self._entries[other] = entry
        return entry

    def _warn(self, text: str) -> None:
        self._archive.warnings.append(f"segment {self._segment}: {text}")
