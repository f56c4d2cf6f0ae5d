"""Judges the command line with which an image will be started: does it lead to this root?

The image may be perfect and the command line be that of another root, or forbid a layer below this
one. The names count that the devices will have at boot: the image's crypttab and the command line
name mappings, not the running system.
"""

from collections.abc import Iterable, Iterator
from functools import partial

from initpy.config.commandline import parse
from initpy.config.devicespec import parse_device
from initpy.config.discoverable import ROOT_TYPES
from initpy.config.settings import DEFAULTS, read_settings
from initpy.core.devices.graph import LISTED, Device
from initpy.core.devices.names import PROPERTY, DeviceSpec, Naming
from initpy.core.jobs.definitions import JobDefinition
from initpy.core.jobs.filling import PLACEHOLDER
from initpy.core.machine.wanted import normalised
from initpy.core.settings import Settings
from initpy.core.volumes import VolumeSpec
from initpy.image.check import linknames, netroot, unified
from initpy.image.check.proof import Row, Verdict
from initpy.image.content.keys import CRYPTTAB
from initpy.image.formats.archive import Archive
from initpy.image.stack import bootvariables, layers
from initpy.image.stack.bootlines import CommandLine, chosen
from initpy.image.stack.layers import BACKING, POOLED, TWINS, Kind, Layer, Stack
from initpy.image.stack.names import ENCRYPTED, is_named, mapping_of, sources, volume_of
from initpy.image.tree import File

TITLE = "the command line"
ROOT, SOURCE = "root=", "its source"
# Names by which the kernel numbers devices, in the order in which they appear.
NUMBERED = ("/dev/sd", "/dev/vd", "/dev/hd", "/dev/nvme", "/dev/mmcblk", "/dev/md1", "/dev/dm-")
BY_ORDER = (*NUMBERED, "/dev/disk/by-diskseq/")
NOTHING_NAMES_IT = "rd.auto=0 leaves it out, as no parameter names it"
# Names that sysfs tells, so that udev's links need not.
SURE = ("/dev/mapper/", *NUMBERED)


def command_line_of(
    archive: Archive, stack: Stack, kernel: str, given: str | None = None
) -> CommandLine | None:
    """Return the command line with which the image will be started; None if nothing tells.

    A given one goes first, then a unified image's own unless the firmware's entry gives it another,
    then what the boot loaders of the described
    system say, then the command line that booted it.
    """
    if given is not None:
        return CommandLine(given, "--cmdline")
    if unified.is_unified(archive):
        # It gets only what starts it by name: no other file.
        named = [each for each in stack.command_lines if each.starts(str(archive.path))]
        instead = next((each for each in named if each.loader == bootvariables.LOADER), None)
        return instead or unified.command_line(archive) or next(iter(named), None)
    found = chosen(stack.command_lines, str(archive.path), kernel)
    if found is None and stack.cmdline:
        return CommandLine(stack.cmdline, "the running system")
    return found


class Boot:
    """What the command line and the image's crypttab make of a boot."""

    def __init__(
        self,
        archive: Archive,
        stack: Stack,
        line: CommandLine | None,
        jobs: Iterable[JobDefinition] = (),
        kernel: str = "",
    ) -> None:
        entry = archive.get(CRYPTTAB)
        table = entry.read().decode("utf-8", "replace") if isinstance(entry, File) else None
        self.table = table or ""  # the image's crypttab
        self._jobs = tuple(jobs)
        self.line = line
        self.text = line.text if line is not None else ""
        words = archive.get(DEFAULTS)
        before = words.read().decode("utf-8", "replace") if isinstance(words, File) else None
        self.settings: Settings = read_settings(self.text, table, defaults=before, jobs=self._jobs)[
            0
        ]
        self._problems = read_settings(self.text, jobs=self._jobs)[1]
        self._of_table = read_settings("", table)[1] if table else []
        self._stack = stack
        self._image = str(archive.path)
        self._kernel = kernel
        self._links = linknames.made_by_rules(archive)
        self._unified = unified.is_unified(archive)

    @property
    def volumes(self) -> tuple[VolumeSpec, ...]:
        """The encrypted volumes that crypttab and command line name."""
        return self.settings.volumes

    def rows(self, *, required: bool) -> Iterator[Row]:
        """Yield the rows about the command line as a whole.

        `required`: not to know it is a doubt about the boot, not only a remark.
        """
        if self.line is None:
            reason = (
                "cannot know: no boot loader's configuration names this image or its kernel, so "
                "root= and the rest are not judged; `initpy check --cmdline TEXT` judges one"
            )
            if self._unified:
                reason = (
                    "cannot know: the unified kernel image has no command line, and only the "
                    "firmware or a boot loader may give it one; build it with --cmdline"
                )
            verdict = Verdict.UNKNOWN if required else Verdict.WARNING
            yield Row(TITLE, SOURCE, verdict, reason)
            return
        yield Row(TITLE, SOURCE, Verdict.OK, self._source(self.line))
        for problem in self._problems:
            yield Row(TITLE, "its parameters", Verdict.WARNING, str(problem))
        for problem in self._of_table:
            yield Row("the image", "crypttab", Verdict.WARNING, str(problem))
        for identity in self._stack.tops:
            top = self._stack.layer(identity)
            if top.kind is not Kind.FILESYSTEM:
                continue
            if ("INITPY_ROLE", "root") in top.properties:
                yield from self._root(top)
            elif top.fact("mounted") != BACKING:
                yield from self._extra(top)

    @property
    def root(self) -> Layer | None:
        """The file system of the described root."""
        tops = map(self._stack.layer, self._stack.tops)
        return next((each for each in tops if ("INITPY_ROLE", "root") in each.properties), None)

    @property
    def names_root_now(self) -> bool:
        """Whether root= is a name that the root's device has on the running system."""
        wanted = self.settings.root
        return wanted is not None and any(
            is_named(wanted, each) for each in self._devices(self.root)
        )

    @property
    def by_path(self) -> bool:
        """Whether devices are named by their links in /dev."""
        named = (self._stack.layer(each).fact(layers.SOURCE) for each in self._stack.tops)
        return any("/dev/" in each for each in (self.text, self.table, *named))

    def _source(self, line: CommandLine) -> str:
        """Return where a command line is from, and what it starts if that is not this image."""
        if line.for_all or line.starts(self._image):
            return line.origin
        if not line.is_for(self._kernel):
            return f"{line.origin}, for another kernel"
        images = ", ".join(line.images) or "no image"
        return f"{line.origin}, which starts the kernel with {images}"

    # Names

    def _root(self, top: Layer) -> Iterator[Row]:
        given = [each for each in parse(self.text).parameters if each.key == "root"]
        wanted = self.settings.root
        devices = self._devices(top)
        if given and "${" in (given[-1].value or ""):
            reason = f"cannot know: only the boot loader knows what {given[-1].value} is: give "
            reason += "the words by --cmdline"
            yield Row(TITLE, ROOT, Verdict.UNKNOWN, reason)
            return
        image = self.settings.image
        if image is not None:
            wanted, devices = image.host, self._devices(self._host(top))
        if image is None and (row := netroot.named(self.settings, top)) is not None:
            yield row
            return
        if given and wanted is None:
            reason = f"{given[-1].value!r} names no device that initpy knows"
            yield Row(TITLE, ROOT, Verdict.MISSING, reason)
            return
        if wanted is None:
            reason = "no root= that can be read, and no partition is looked for instead"
            yield Row(TITLE, ROOT, Verdict.MISSING, reason)
        elif wanted.naming is Naming.GPT_AUTO:
            yield self._by_type(top)
        elif wanted.naming is Naming.LISTED:
            yield self._listed(wanted, top)
        elif not devices:
            reason = f"cannot know whether {wanted} leads to {top.name}: no device is below it"
            yield Row(TITLE, ROOT, Verdict.WARNING, reason)
        else:
            yield self._named(ROOT, wanted, top, devices)

    def _listed(self, wanted: DeviceSpec, top: Layer) -> Row:
        """Judge a name in a form of a job file: only the technology's tools know all about it."""
        source = top.fact(POOLED)
        if source and wanted.names(Device(source, {"DEVNAME": source}, kind=LISTED)):
            return Row(TITLE, ROOT, Verdict.OK, f"{wanted} is {top.name}")
        by_name = any(
            key == "DEVNAME" and value[:1] not in ("{", *"0123456789")
            for each in wanted.shows
            for key, value in each
        )
        if source and by_name:
            reason = f"{wanted} is not {top.name}"
            return Row(TITLE, ROOT, Verdict.MISSING, reason)
        reason = f"cannot know whether {wanted} is {top.name}: name the root by its device or pool"
        return Row(TITLE, ROOT, Verdict.UNKNOWN, reason)

    def _extra(self, top: Layer) -> Iterator[Row]:
        point, usr = top.fact("mounted"), self.settings.usr
        devices = self._devices(top)
        if point == "/usr" and usr is not None:
            yield self._named("mount.usr=", usr.source, top, devices)
        elif devices and (source := parse_device(top.fact(layers.SOURCE))) is not None:
            yield self._named(f"fstab's name of {point}", source, top, devices)
        elif not top.fact(layers.SOURCE):
            reason = f"{point} is a mount of its own, which neither fstab nor mount.usr= names"
            yield Row(TITLE, f"the name of {point}", Verdict.MISSING, reason)

    def _devices(self, top: Layer | None) -> list[Layer]:
        """Return the devices of a file system, through an overlay or a file on another one."""
        found: list[Layer] = []
        waiting = [*top.on] if top is not None else []
        while waiting:
            layer = self._stack.layer(waiting.pop())
            if layer.kind is Kind.FILESYSTEM:
                waiting += layer.on
            elif layer.identity.startswith("block:"):
                found.append(layer)
        return found

    def _host(self, top: Layer) -> Layer | None:
        """Return the file system that holds the root in a file."""
        for device in self._devices(top):
            for file in (self._stack.layer(each) for each in device.on):
                if file.kind is Kind.LOOP:
                    return next((self._stack.layer(each) for each in file.on), None)
        return None

    def _named(self, need: str, spec: DeviceSpec, top: Layer, devices: list[Layer]) -> Row:
        mapping = partial(mapping_of, stack=self._stack, volumes=self.volumes)
        if named := [each for each in devices if is_named(spec, each, mapping(each))]:
            if linknames.is_lost(spec, named, self._links):
                return Row(TITLE, need, Verdict.MISSING, f"{spec}: {linknames.LOST}")
            return _ambiguous(need, spec, devices) or _right(need, spec)
        if spec.relative:
            reason = f"cannot know which partition {spec} is: name it by UUID="
            return Row(TITLE, need, Verdict.UNKNOWN, reason)
        for each in devices:
            if each.kind in ENCRYPTED and is_named(spec, each):
                return Row(TITLE, need, Verdict.MISSING, self._misnamed(spec, each, mapping(each)))
        uuid = next(filter(None, (each.property("ID_FS_UUID") for each in devices)), "")
        right = f"; root=UUID={uuid} is it" if uuid and need == ROOT else ""
        if need == ROOT and any(
            is_named(spec, source) for each in devices for source in self._opened_from(each)
        ):
            return _right(need, spec, f" is the volume that opens as {top.name}")
        if spec.naming is Naming.NUMBER and not any(each.property("MAJOR") for each in devices):
            reason = f"cannot know: nothing tells the numbers of {top.name}: name it by UUID="
            return Row(TITLE, need, Verdict.UNKNOWN, reason)
        reason = f"{spec} is not the device of {top.name}{right}"
        if any(is_named(spec, under) for each in devices for under in self._encrypted(each)):
            reason = f"{spec} is the encrypted volume that {top.name} is in{right}"
        linked = spec.naming is Naming.PATH and not spec.value.startswith(SURE)
        if linked and not any(each.property("DEVLINKS") for each in devices):
            reason = f"cannot know: udev tells no links of {top.name}, so {spec} may be it: name "
            reason += "it by UUID="
            return Row(TITLE, need, Verdict.UNKNOWN, reason)
        return Row(TITLE, need, Verdict.MISSING, reason)

    def _encrypted(self, layer: Layer) -> list[Layer]:
        """Return the devices with a LUKS header below a layer."""
        found = map(self._stack.layer, below(self._stack, layer.on))
        return [each for each in found if each.property("ID_FS_TYPE") == "crypto_LUKS"]

    def _opened_from(self, layer: Layer) -> list[Layer]:
        """Return the device that a volume is opened from; the engine goes by its LUKS header."""
        found = sources(layer, self._stack) if layer.kind in ENCRYPTED else []
        return [each for each in found if each.property("ID_FS_TYPE") == "crypto_LUKS"]

    def _misnamed(self, spec: DeviceSpec, layer: Layer, name: str | None) -> str:
        """Return why a mapping will have another name, and how to give it this one."""
        found = sources(layer, self._stack)
        uuid = next((each.property("ID_FS_UUID") for each in found), "") or "UUID"
        wanted = spec.value.rpartition("/")[2]
        return (
            f"the boot opens the volume as {name}, so that there will be no {spec}. Add the option "
            f"`initramfs` (or x-initrd.attach) to the line of {wanted} in /etc/crypttab, or "
            f"rd.luks.name={uuid}={wanted} to the command line"
        )

    def _by_type(self, top: Layer) -> Row:
        kind = ROOT_TYPES.get(self._stack.machine, "")
        found = [
            each
            for device in self._devices(top)
            for each in (device, *(self._stack.layer(below) for below in device.on))
        ]
        types = {each.property("ID_PART_ENTRY_TYPE").lower() for each in found} - {""}
        if kind and kind in types:
            reason = "no root=: the partition's type says that it is this machine's root"
            return Row(TITLE, ROOT, Verdict.OK, reason)
        reason = "no root=, and no partition below root has the type of a root (gpt-auto)"
        return Row(TITLE, ROOT, Verdict.MISSING, reason)

    # Layers

    def forbids(self, below: Layer, layer: Layer, job: JobDefinition) -> str:
        """Return why the command line keeps a job from setting up a layer; "" if it does not."""
        settings = self.settings
        if job.switch is not None and job.switch in settings.switched_off:
            return f"{job.switch}=0 switches it off"
        if job.layer is None:
            return ""
        policy = settings.layer(job.layer)
        if not policy.enabled:
            return f"{policy.by} switches it off"
        if layer.kind in ENCRYPTED:
            return self._unnamed(layer)
        # What the root's own fstab wants counts as named (core/below_root.py).
        wanted = not self._root_needs(layer)
        if policy.named and job.identity and not wanted:
            names = {normalised(_filled(each, below, layer)) for each in job.identity}
            if not names & {normalised(each) for each in policy.named}:
                others = ", ".join(sorted(filter(None, policy.named)))
                return f"{policy.by} names others: {others}" if others else NOTHING_NAMES_IT
        if layer.kind is Kind.LVM and not wanted:
            return self._left_out(layer)
        return ""

    def _unnamed(self, layer: Layer) -> str:
        if not self.volumes or volume_of(layer, self._stack, self.volumes) is not None:
            return ""
        if not self._root_needs(layer) and self._is_named_by_fstab(layer):
            return ""
        root = self.settings.root
        if root is not None and any(is_named(root, each) for each in self._opened_from(layer)):
            return ""
        names = ", ".join(sorted(each.name or str(each.source) for each in self.volumes))
        return (
            f"the image's crypttab and the command line name other volumes ({names}), and only "
            "those are opened. Add the option `initramfs` (or x-initrd.attach) to its line in "
            "/etc/crypttab, or rd.luks.uuid= to the command line"
        )

    def _is_named_by_fstab(self, layer: Layer) -> bool:
        """Return whether fstab names a volume as the image's crypttab or its UUID does."""
        tops = (self._stack.layer(each) for each in self._stack.tops)
        sources = {each.fact(layers.SOURCE) for each in tops} - {""}
        lines = volume_of(layer, self._stack, self.settings.left_out)
        name = lines.name if lines else mapping_of(layer, self._stack, ())
        return f"/dev/mapper/{name}" in sources

    def _left_out(self, layer: Layer) -> str:
        """Return why rd.lvm.lv= leaves a logical volume out; a part of another goes with it."""
        group, volume = layer.property("DM_VG_NAME"), layer.property("DM_LV_NAME")
        chosen_ones = {each for each in self.settings.lvm.volumes if each.startswith(f"{group}/")}
        part = any(each.kind is Kind.LVM for each in self._stack.above(layer))
        if not chosen_ones or not volume or part or f"{group}/{volume}" in chosen_ones:
            return ""
        return f"rd.lvm.lv= names other volumes of {group}: {', '.join(sorted(chosen_ones))}"

    def _root_needs(self, layer: Layer) -> bool:
        roots = [
            each
            for each in self._stack.tops
            if ("INITPY_ROLE", "root") in self._stack.layer(each).properties
        ]
        return layer.identity in below(self._stack, roots)


def _ambiguous(need: str, spec: DeviceSpec, devices: Iterable[Layer]) -> Row | None:
    """Return the row for a name that another device has, too: a clone, a snapshot."""
    told = (line.partition(" ") for each in devices for line in each.fact(TWINS).splitlines())
    key = PROPERTY.get(spec.naming, "")
    others = [device for name, _, device in told if name == key]
    if not others:
        return None
    reason = f"{spec} is also {', '.join(others)}: the boot may take the wrong one of them"
    return Row(TITLE, need, Verdict.WARNING, reason)


def _right(need: str, spec: DeviceSpec, more: str = "") -> Row:
    """Return the row for a name that leads to the device now."""
    by_number = spec.naming is Naming.PATH and spec.value.startswith(BY_ORDER)
    if by_number or spec.naming is Naming.NUMBER:
        reason = f"{spec}{more}: the kernel may number its disks in another order next time"
        return Row(TITLE, need, Verdict.WARNING, reason)
    return Row(TITLE, need, Verdict.OK, f"{spec}{more}")


def below(stack: Stack, tops: Iterable[str]) -> set[str]:
    """Return the identities of some layers and of all layers below them."""
    known = {layer.identity: layer for layer in stack.layers}
    found: set[str] = set()
    waiting = [*tops]
    while waiting:
        identity = waiting.pop()
        if identity not in found:
            found.add(identity)
            waiting.extend(known[identity].on)
    return found


def _filled(template: str, below: Layer, layer: Layer) -> str:
    known = {**dict(below.properties)}
    if group := layer.property("DM_VG_NAME"):  # as pvscan tells it
        known |= {"LVM_VG_NAME_COMPLETE": group, "LVM_VG_NAME_INCOMPLETE": group}
    return PLACEHOLDER.sub(lambda found: known.get(found[1], ""), template)
