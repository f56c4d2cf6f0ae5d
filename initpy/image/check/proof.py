"""The result of a check: a row for each need of each layer, with a verdict and the reason."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from initpy.image.status import Status


class Verdict(StrEnum):
    """The result for one need."""

    OK = "ok"
    WARNING = "warning"  # the boot does not depend on it, or it is probably met
    UNKNOWN = "unknown"  # the boot may depend on it, and the check could not determine it
    MISSING = "missing"  # the boot fails without it


@dataclass(frozen=True, slots=True)
class Row:
    """One need of one layer."""

    layer: str  # as displayed: "/dev/mapper/crypt (LUKS)", or "the image"
    need: str
    verdict: Verdict
    reason: str  # the evidence; or what is missing, and how to add it
    module: str = ""  # the kernel module concerned, if any


@dataclass(frozen=True, slots=True)
class Proof:
    """The rows of a check of one image against one root."""

    image: str
    root: str
    kernel: str
    rows: tuple[Row, ...]

    @property
    def bootable(self) -> bool:
        """Return whether nothing is missing. Unknown needs do not count, see `certain`."""
        return not self.of(Verdict.MISSING)

    @property
    def certain(self) -> bool:
        """Return whether the check could determine every need."""
        return not self.of(Verdict.UNKNOWN)

    def of(self, verdict: Verdict) -> tuple[Row, ...]:
        """Return the rows of one verdict."""
        return tuple(row for row in self.rows if row.verdict is verdict)

    @property
    def status(self) -> Status:
        """Return the exit status for a command that reports this proof."""
        if not self.bootable:
            return Status.CANNOT_BOOT
        return Status.OK if self.certain else Status.UNKNOWN

    def summary(self) -> str:
        """Return the closing line of the report."""
        missing, unknown = self.of(Verdict.MISSING), self.of(Verdict.UNKNOWN)
        what = f"{self.image} for kernel {self.kernel}"
        if missing:
            parts = f"{len(missing)} of {len(self.rows)} needs are missing"
            return f"{what} cannot boot {self.root}: {parts}, first {_line(missing[0])}"
        if unknown:
            parts = f"{len(unknown)} of {len(self.rows)} needs could not be checked"
            return f"{what} may not boot {self.root}: {parts}"
        warnings = len(self.of(Verdict.WARNING))
        rest = f", {warnings} with a warning" if warnings else ""
        return f"{what} can boot {self.root}: all {len(self.rows)} needs are met{rest}"


def _line(row: Row) -> str:
    return f"{row.need} of {row.layer}: {row.reason}"


def without_duplicates(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Drop repeated rows; keep the order."""
    return tuple(dict.fromkeys(rows))
