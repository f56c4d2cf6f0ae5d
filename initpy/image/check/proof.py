"""The result of a check: a row for each thing that a layer needs, with the reason."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from initpy.image.status import Status


class Verdict(StrEnum):
    """What was found of one need."""

    OK = "ok"
    WARNING = "warning"  # the boot does not depend on it, or it is nearly certain
    UNKNOWN = "unknown"  # the boot may depend on it, and it could not be found out
    MISSING = "missing"  # the boot fails for want of it


@dataclass(frozen=True, slots=True)
class Row:
    """One need of one layer."""

    layer: str  # what people call it: "/dev/mapper/crypt (LUKS)", or "the image"
    need: str
    verdict: Verdict
    reason: str  # the evidence, or what is not there and what would help
    module: str = ""  # the kernel module it is about, where there is one


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether an image boots a root, and why."""

    image: str
    root: str
    kernel: str
    rows: tuple[Row, ...]

    @property
    def bootable(self) -> bool:
        """Nothing is missing that the boot needs. What is unknown does not count: see `certain`."""
        return not self.of(Verdict.MISSING)

    @property
    def certain(self) -> bool:
        """Everything that the boot needs could be looked at."""
        return not self.of(Verdict.UNKNOWN)

    def of(self, verdict: Verdict) -> tuple[Row, ...]:
        """The rows of one verdict."""
        return tuple(row for row in self.rows if row.verdict is verdict)

    @property
    def status(self) -> Status:
        """What a command ends with that reports this proof."""
        if not self.bootable:
            return Status.CANNOT_BOOT
        return Status.OK if self.certain else Status.UNKNOWN

    def summary(self) -> str:
        """The closing line, for people."""
        missing, unknown = self.of(Verdict.MISSING), self.of(Verdict.UNKNOWN)
        what = f"{self.image} for kernel {self.kernel}"
        if missing:
            parts = f"{len(missing)} of {len(self.rows)} needs are missing"
            return f"{what} cannot boot {self.root}: {parts}, first {_line(missing[0])}"
        if unknown:
            parts = f"{len(unknown)} of {len(self.rows)} needs could not be looked at"
            return f"whether {what} boots {self.root} is not certain: {parts}"
        warnings = len(self.of(Verdict.WARNING))
        rest = f", {warnings} with a warning" if warnings else ""
        return f"{what} can boot {self.root}: all {len(self.rows)} needs are met{rest}"


def _line(row: Row) -> str:
    return f"{row.need} of {row.layer}: {row.reason}"


def without_doubles(rows: Iterable[Row]) -> tuple[Row, ...]:
    """The rows in their order, each once."""
    return tuple(dict.fromkeys(rows))
