"""Where changes to the root go instead of root: `rd.overlay=`, `overlayroot=`, `systemd.volatile=`.

dracut.cmdline(7), overlayroot.conf of Ubuntu's cloud-initramfs-tools and kernel-command-line(7) of
systemd say what they mean. Each asks that root is not written to: a value that is not understood
must not lead to a boot that does (`Parameter.refusal`).
"""

import re
from collections.abc import Iterator

from initpy.config.commandline import FALSE, TRUE, Parameter
from initpy.config.crypttab import mapping_name
from initpy.config.devicespec import EXPECTED, parse_device
from initpy.config.errors import InputError
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.settings import Overlay
from initpy.core.slots import dataclass, field
from initpy.core.volumes import VolumeSpec

# tmpfs(5): a number of bytes or inodes, or a share of the memory
AMOUNT = r"[0-9]{1,15}[kKmMgGtTpPeE]?"
TMPFS = {"size": rf"{AMOUNT}|[0-9]{{1,3}}%", "nr_blocks": AMOUNT, "nr_inodes": AMOUNT}
# A path on the device, of live images: rd.live.overlay=DEVICE:PATH or DEVICE:auto.
ON_DEVICE = re.compile(r".+:(/.*|auto)")
OVERLAY_EXPECTED = f"yes or no (1 or 0), tmpfs:OPTION,… or {EXPECTED}"
CRYPT_EXPECTED = f"{EXPECTED}; mapname=NAME and other options may follow, with commas"
CRYPT_NAME = "overlay-crypt"
BESIDE = "rd.overlay=DEVICE beside it"
FLAGS = ("rd.overlay", "rd.live.overlay.overlayfs")  # dracut's; a device may be told beside them


@dataclass(slots=True)
class Wish:
    """What the parameters say, one after another; the last one counts."""

    overlay: Overlay | None = None
    live_source: DeviceSpec | None = None  # of rd.live.overlay=
    encrypted: tuple[Overlay, VolumeSpec] | None = None
    readonly: bool = False
    reset: bool = False
    beside: dict[str, Parameter] = field(default_factory=dict)  # readonly, reset
    told: bool = False  # that changes go elsewhere, or that they do not

    def take_overlay(self, parameter: Parameter) -> None:
        """`rd.overlay=`, and its older name: a flag, `tmpfs:` with options, or a device."""
        value = parameter.value
        if value is None or value.lower() in TRUE or value == "tmpfs":
            self.overlay = Overlay(parameter.key)
        elif value.lower() in FALSE:
            self.overlay = None
        elif value.startswith("tmpfs:"):
            self.overlay = Overlay(parameter.key, options=_memory(parameter, value[6:]))
            _report_unknown(parameter, value[6:])
        else:
            self.overlay = Overlay(parameter.key, _device(parameter, OVERLAY_EXPECTED))

    def take_live(self, parameter: Parameter) -> None:
        """`rd.live.overlay=`, the older way to name the device."""
        if (parameter.value or "").lower() in FALSE:
            self.live_source = None
            return
        self.live_source = _device(parameter, EXPECTED)
        self.overlay = self.overlay or Overlay(parameter.key, self.live_source)

    def take_encrypted(self, parameter: Parameter) -> None:
        """`rd.overlay.crypt=DEVICE[,OPTION…]`: changes go to an encrypted volume."""
        text, *options = (parameter.value or "").split(",")
        source = parse_device(text)
        if source is None or ON_DEVICE.fullmatch(text):
            raise parameter.refusal(CRYPT_EXPECTED)
        given = dict(each.partition("=")[::2] for each in options if each)
        name = given.pop("mapname", CRYPT_NAME)
        if not mapping_name(name):
            raise parameter.refusal(CRYPT_EXPECTED)
        mapping = DeviceSpec(Naming.PATH, f"/dev/mapper/{name}")
        overlay = Overlay(parameter.key, mapping, encrypted=source)
        self.encrypted = overlay, VolumeSpec(source, name, beside=True)
        # fstype= and mkfs= are about volumes that are made anew, which this initramfs does not do.
        if unknown := given.keys() - {"fstype", "mkfs", "timeout"}:
            raise parameter.error(
                f"mapname=NAME after the device, not {', '.join(sorted(unknown))}"
            )

    def take_readonly(self, parameter: Parameter) -> None:
        """`rd.overlay.readonly`: what the device has counts, and nothing is written to it."""
        try:
            self.readonly = parameter.flag()
            self.beside["readonly"] = parameter
        except ValueError:
            raise parameter.refusal("yes or no (1 or 0)") from None

    def take_reset(self, parameter: Parameter) -> None:
        """`rd.overlay.reset`: earlier changes are removed."""
        self.reset = parameter.flag()
        self.beside["reset"] = parameter

    def take_overlayroot(self, parameter: Parameter) -> None:
        """`overlayroot=` of Ubuntu; what may follow `tmpfs:` is about mounts of its own."""
        kind, _, options = (parameter.value or "").partition(":")
        if kind not in ("tmpfs", "disabled", ""):
            raise parameter.refusal("tmpfs or disabled (for a device there is rd.overlay=)")
        self.overlay = Overlay(parameter.key) if kind == "tmpfs" else None
        if kind == "tmpfs" and "recurse=0" not in options.split(","):
            raise parameter.error(
                "tmpfs:recurse=0: only root is kept unchanged; the real system mounts others as "
                "its fstab says"
            )

    def take_volatile(self, parameter: Parameter) -> None:
        """`systemd.volatile=`: the real systemd does `state`; the rest is for an initramfs."""
        value = "yes" if parameter.value is None else parameter.value.lower()
        if value == "overlay":
            self.overlay = Overlay(parameter.key)
        elif value in TRUE:
            self.overlay = Overlay(parameter.key, usr_only=True)
        elif value in FALSE or value == "state":
            self.overlay = None
        else:
            raise parameter.refusal("yes, no, state or overlay")

    def alone(self) -> Iterator[InputError]:
        """Yield what is wrong with these: nothing says that changes go anywhere but to root."""
        if self.readonly and not self.told:
            yield self.beside["readonly"].refusal(f"{BESIDE}; root is left alone")
        if self.reset and not self.told:
            yield self.beside["reset"].error(f"{BESIDE}; it is ignored")

    def finish(self) -> tuple[Overlay | None, VolumeSpec | None]:
        """The overlay, None if changes go to root itself; and the volume that it is in."""
        overlay, volume = self.encrypted or (self.overlay, None)
        if overlay is None:
            return None, None
        if overlay.by in FLAGS and overlay.source is None and not overlay.options:
            overlay = overlay._replace(source=self.live_source)
        if overlay.source is not None:
            overlay = overlay._replace(readonly=self.readonly, reset=self.reset)
        return overlay, volume


def take(wish: Wish, parameter: Parameter) -> None:
    """Take one of PARAMETERS."""
    key = parameter.key.replace("_", "-")
    wish.told = wish.told or not key.endswith((".readonly", ".reset"))
    PARAMETERS[key](wish, parameter)


def _device(parameter: Parameter, expected: str) -> DeviceSpec:
    text = parameter.value or ""
    source = parse_device(text)
    if source is None:
        raise parameter.refusal(expected)
    if ON_DEVICE.fullmatch(text):
        raise parameter.refusal("a device alone (a path on it, of live images, is not supported)")
    return source


def _memory(parameter: Parameter, text: str) -> tuple[str, ...]:
    """The options of the tmpfs. Wrong amounts would make its mount fail."""
    options = []
    for option in filter(None, text.split(",")):
        key, _, value = option.partition("=")
        if key not in TMPFS:
            continue
        if not re.fullmatch(TMPFS[key], value):
            raise parameter.refusal(f"{key}= with a number; k, m or g may follow")
        options.append(option)
    return tuple(options)


def _report_unknown(parameter: Parameter, text: str) -> None:
    names = [each.partition("=")[0] for each in text.split(",") if each]
    if unknown := [each for each in names if each not in TMPFS]:
        raise parameter.error(f"{', '.join(TMPFS)} after tmpfs:, not {', '.join(unknown)}")


PARAMETERS = {
    "rd.overlay": Wish.take_overlay,
    "rd.live.overlay.overlayfs": Wish.take_overlay,
    "rd.live.overlay": Wish.take_live,
    "rd.overlay.crypt": Wish.take_encrypted,
    "rd.overlay.readonly": Wish.take_readonly,
    "rd.live.overlay.readonly": Wish.take_readonly,
    "rd.live.overlayfs.readonly": Wish.take_readonly,
    "rd.overlay.reset": Wish.take_reset,
    "rd.live.overlay.reset": Wish.take_reset,
    "overlayroot": Wish.take_overlayroot,
    "systemd.volatile": Wish.take_volatile,
}
