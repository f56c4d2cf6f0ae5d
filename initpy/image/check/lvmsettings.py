"""Judges settings of lvm.conf(5) that keep LVM from activating a volume, or make it read-only.

Tried with LVM 2.03: of all its settings, with odd values, only these and the filters (see
`lvmfilters`) keep `pvscan --cache` and `lvchange --activate` from their work.
"""

from collections.abc import Callable, Iterator, Mapping

from initpy.config.hostname import IN_IMAGE, of_file
from initpy.image.check.proof import Verdict
from initpy.image.content.lvmconf import Values
from initpy.image.formats.archive import Archive
from initpy.image.stack.layers import Layer
from initpy.image.tree import File

Judged = tuple[str, Verdict, str]  # setting, verdict, reason
# Their value, and what LVM does then.
IN_THE_WAY: dict[str, tuple[Callable[[str], bool], str]] = {
    "global/activation": (lambda value: value == "0", "LVM activates nothing"),
    "global/test": (lambda value: value.lstrip("+-").strip("0").isdigit(), "LVM only pretends"),
    "activation/udev_rules": (
        lambda value: value == "0", "udev leaves alone what LVM activates"
    ),
    "global/proc": (
        lambda value: value.startswith("/") and value.rstrip("/") != "/proc",
        "LVM ends, since it reads /proc there",
    ),
    "devices/dir": (
        lambda value: value.startswith("/") and value.rstrip("/") != "/dev",
        "LVM looks for the devices of volumes there, and udev makes them in /dev",
    ),
}  # fmt: skip
# The same, where nothing tells whether it matters.
DOUBTFUL = {
    "config/abort_on_errors": ("1", "LVM ends at a setting that it does not know"),
    "activation/udev_sync": ("0", "LVM does not wait for udev, which makes the devices of a pool"),
    "log/report_command_log": ("1", "LVM ends at a selection or a column that it does not know"),
}
TAGS, HOST_TAGS, VOLUMES = "tags/", "tags/hosttags", "activation/volume_list"
LOCKS, SMALLEST, READ_ONLY = (
    "global/locking_dir", "devices/pv_min_size", "activation/read_only_volume_list",
)  # fmt: skip
USUAL_SMALLEST = 2048  # kB
VIRTUAL = ("/proc", "/sys")  # no program makes a folder there
# Targets -> the program that LVM has check the metadata of such a pool.
CHECKED = {"thin": "thin_check", "cache": "cache_check"}
FOLDER = "/usr/sbin"
SECTORS = "INITPY_SECTORS"


def rows(
    settings: Mapping[str, Values], archive: Archive, layer: Layer, physical: list[Layer],
    targets: set[str],
) -> Iterator[Judged]:  # fmt: skip
    """Yield what each setting does to a logical volume on these physical ones.

    `targets` are the kernel's names of what the volume is made of.
    """
    for key, (stops, what) in IN_THE_WAY.items():
        value = settings.get(key, ())
        if len(value) == 1 and stops(value[0]):
            reason = f"{what} (lvm.conf(5)): remove it, or add rd.lvm.conf=0"
            yield f"{_name(key)}={value[0]}", Verdict.MISSING, reason
    yield from _locks(settings, archive)
    for device in physical:
        yield from _size(settings, device)
    yield from _checks(settings, archive, targets)
    for key, (doubtful, what) in DOUBTFUL.items():
        if settings.get(key) == (doubtful,):
            reason = f"cannot know: {what}. Remove it, and build the image again"
            yield f"{_name(key)}={doubtful}", Verdict.UNKNOWN, reason
    if VOLUMES not in settings and (tag := _tag(settings, archive)):
        reason = (
            f"cannot know: the host has a tag ({tag}), and LVM then activates only what has it, "
            "too. Name the group in activation/volume_list, and build the image again"
        )
        yield "tags", Verdict.UNKNOWN, reason
    group, name = layer.property("DM_VG_NAME"), layer.property("DM_LV_NAME")
    listed = settings.get(READ_ONLY, ())
    if {group, f"{group}/{name}"} & {*listed} or any(each.startswith("@") for each in listed):
        reason = (
            f"cannot know whether the system runs so: {', '.join(listed)} makes {group}/{name} "
            "read-only; take it off the list, and build the image again"
        )
        yield _name(READ_ONLY), Verdict.UNKNOWN, reason


def _tag(settings: Mapping[str, Values], archive: Archive) -> str:
    """Return a tag of the host: lvm.conf(5), tags; "" if it has none."""
    entry = archive.get(IN_IMAGE)
    host = of_file(entry.read().decode("utf-8", "replace")) if isinstance(entry, File) else ""
    if settings.get(HOST_TAGS, ("0",)) != ("0",):
        return HOST_TAGS
    for key, values in settings.items():
        name = key.removeprefix(TAGS)
        hosts = settings.get(f"{key}/host_list")
        if name != key and "/" not in name and not values and (hosts is None or host in hosts):
            return name
    return ""


def _locks(settings: Mapping[str, Values], archive: Archive) -> Iterator[Judged]:
    folder = next(iter(settings.get(LOCKS, ())), "")
    if not folder.startswith("/"):
        return
    parts = folder.rstrip("/").split("/")
    above = ["/".join(parts[:count]) for count in range(2, len(parts) + 1)]
    file = next((each for each in above if isinstance(archive.get(each), File)), "")
    if file or (above[:1] and above[0] in VIRTUAL):
        why = f"{file} is a file" if file else f"there are no folders of programs in {above[0]}"
        reason = f"LVM makes its locks in {folder}, but {why}: it finds no group. Remove it"
        yield _name(LOCKS), Verdict.MISSING, reason
    elif folder.startswith("/dev/"):
        reason = f"cannot know whether LVM can make its locks in {folder}: remove it"
        yield _name(LOCKS), Verdict.UNKNOWN, reason


def _size(settings: Mapping[str, Values], device: Layer) -> Iterator[Judged]:
    value = next(iter(settings.get(SMALLEST, ())), "")
    if not value.isdigit() or int(value) <= USUAL_SMALLEST:
        return
    said = f"it leaves out devices below {value} kB"
    sectors = device.property(SECTORS)
    if not sectors:
        reason = f"{said}; cannot know the size of {device.name}: remove it"
        yield _name(SMALLEST), Verdict.UNKNOWN, reason
    elif int(sectors) // 2 < int(value):
        reason = f"{said}, and {device.name} has {int(sectors) // 2} kB: remove it"
        yield _name(SMALLEST), Verdict.MISSING, reason


def _checks(
    settings: Mapping[str, Values], archive: Archive, targets: set[str]
) -> Iterator[Judged]:
    """Judge other programs than the usual ones, or other options, that LVM checks a pool with."""
    for target, tool in CHECKED.items():
        if not any(each.startswith(target) for each in targets):
            continue
        path = next(iter(settings.get(f"global/{tool}_executable", (f"{FOLDER}/{tool}",))), "")
        options = settings.get(f"global/{tool}_options")
        if not path:
            continue
        if options == ():
            reason = "an empty list is none for LVM, which then activates no pool: remove it"
            yield f"{tool}_options", Verdict.MISSING, reason
        elif path in archive and (path.rpartition("/")[2] != tool or options is not None):
            words = " ".join((path, *(options or ())))
            reason = (
                f"cannot know whether `{words}` succeeds, without which LVM activates no pool: "
                f"remove {tool}_executable and {tool}_options"
            )
            yield f"{tool}_executable", Verdict.UNKNOWN, reason


def _name(key: str) -> str:
    return key.rpartition("/")[2]
