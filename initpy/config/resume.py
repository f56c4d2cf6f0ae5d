"""Where a hibernated system may be: `resume=` and what goes with it.

kernel-parameters.txt and swsusp-and-swap-files.rst of the kernel, systemd-hibernate-resume(8)
and initramfs-tools(7) say the same of them.
"""

import re

from initpy.config.commandline import Parameter
from initpy.config.devicespec import EXPECTED, parse_root
from initpy.config.timespan import LIMIT
from initpy.core.devices.names import DeviceSpec
from initpy.core.settings import RESUME_SECONDS, Resume
from initpy.core.slots import dataclass

NEVER = -1.0
OFF = ("none", "0", "no", "auto")  # "auto" is initramfs-tools' word for what it decides itself


@dataclass(slots=True)
class Wish:
    """What the parameters say, one after another."""

    source: DeviceSpec | None = None
    word: Parameter | None = None  # that names it
    told: bool = False  # it is named, or there is none
    page: Parameter | None = None  # resume_offset=
    by: str = "resume="
    default: bool = False
    offset: int = 0
    seconds: float | None = RESUME_SECONDS
    off: str = ""  # the parameter that forbids it

    def take_device(self, parameter: Parameter) -> None:
        """`resume=`; the last one counts, and an empty one means none.

        The word alone says nothing: a system might be lost for it (systemd ignores it, too).
        """
        if parameter.value is None:
            raise parameter.error(f"{EXPECTED}, or none; it is ignored")
        text, self.told = parameter.value, True
        if text in ("", *OFF):
            self.source = None
            return
        source = parse_root(text)
        if source is None:
            raise parameter.error(f"{EXPECTED}, or none")
        self.source, self.word = source, parameter
        self.default = parameter.where != Parameter("", None).where
        self.by = f"resume= in {parameter.where}" if self.default else "resume="

    def take_offset(self, parameter: Parameter) -> None:
        """`resume_offset=`: pages from the device's start to the header of the swap file."""
        text = parameter.value or ""
        if not re.fullmatch("[0-9]{1,18}", text):
            raise parameter.error("a number of pages, 0 or more")
        self.offset, self.page = int(text), parameter

    def take_delay(self, parameter: Parameter) -> None:
        """`resumedelay=`: seconds that the device may take."""
        seconds = parameter.seconds(for_ever=NEVER)
        self.seconds = None if seconds == NEVER else max(seconds, RESUME_SECONDS)

    def take_wait(self, parameter: Parameter) -> None:
        """`resumewait`: however long it takes."""
        if parameter.flag():
            self.seconds = None

    def take_flags(self, parameter: Parameter) -> None:
        """`resumeflags=`: only the time that the device may take means anything here."""
        for flag in (parameter.value or "").split(","):
            option, _, value = flag.partition("=")
            if option == LIMIT:
                limit = Parameter(f"resumeflags={LIMIT}", value)
                self.seconds = limit.seconds(for_ever=0.0) or None

    def take_off(self, parameter: Parameter) -> None:
        """`noresume`, also with a word for yes: so the kernel has it, though systemd does not."""
        if parameter.flag():
            self.off = "noresume"

    def take_never(self, parameter: Parameter) -> None:
        """`nohibernate`: the kernel's word for no image, neither written nor read."""
        self.off = parameter.key

    def take_mode(self, parameter: Parameter) -> None:
        """`hibernate=`: two of the kernel's words forbid it."""
        if parameter.value in ("no", "noresume"):
            self.off = f"hibernate={parameter.value}"

    def finish(self, root: DeviceSpec | None) -> Resume | None:
        """What is to be resumed, None if nothing is. Raises InputError."""
        if self.page is not None and not self.told and not self.off:
            raise self.page.error("resume= beside it, the device with the swap file; it is ignored")
        if self.source is None or self.off:
            return None
        if self.source.relative and self.source != root and self.word is not None:
            raise self.word.error(f"{EXPECTED}; or the same as root=, for a swap file there")
        return Resume(self.source, self.offset, self.by, self.seconds, self.default)


PARAMETERS = {
    "resume": Wish.take_device,
    "resume-offset": Wish.take_offset,
    "resumedelay": Wish.take_delay,
    "resumewait": Wish.take_wait,
    "resumeflags": Wish.take_flags,
    "noresume": Wish.take_off,
    "nohibernate": Wish.take_never,
    "hibernate": Wish.take_mode,
}
