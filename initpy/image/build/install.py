"""Install an image: built beside its place, proved to boot this root, put in place in one step."""

import platform
from dataclasses import dataclass
from pathlib import Path

from initpy.image.build.build import BuildReport, build
from initpy.image.build.request import BuildRequest
from initpy.image.build.timing import Progress, silent
from initpy.image.check.check import prove
from initpy.image.check.proof import Proof, Row, Verdict
from initpy.image.formats.archive import read_archive
from initpy.image.stack.layers import Stack
from initpy.image.stack.ownroot import Target
from initpy.image.status import Status


class UnfitError(RuntimeError):
    """The image was not installed: it cannot boot this root, or nobody can tell.

    `proof.status` is CANNOT_BOOT or UNKNOWN; the text says what is missing.
    """

    def __init__(self, proof: Proof) -> None:
        self.proof = proof
        cannot = proof.status is Status.CANNOT_BOOT
        rows = proof.of(Verdict.MISSING if cannot else Verdict.UNKNOWN)
        what = f"an image for kernel {proof.kernel}"
        lines = [
            f"{what} cannot boot {_named(proof)} with what is there now:"
            if cannot
            else f"whether {what} boots {_named(proof)} could not be found out:"
        ]
        lines += [f"  {row_text(row)}" for row in rows]
        if not cannot:
            lines.append("  hint: --allow-unknown installs it nevertheless")
        super().__init__("\n".join(lines))


@dataclass(frozen=True, slots=True)
class Installed:
    """What was put in place, and on which grounds."""

    report: BuildReport
    proof: Proof | None  # None if nothing was asked of the image
    warnings: tuple[str, ...]  # with those of the build


def install(
    request: BuildRequest,
    target: Target | None,
    progress: Progress = silent,
    *,
    allow_unknown: bool = False,
    keep: int = 1,
    wait: bool = True,
) -> Installed:
    """Build, prove and put in place; without a target nothing is asked of the image.

    A target without a root asks of the image what does not depend on one. Raises
    UnfitError, and what `build` raises; an older image then stays.
    """
    proofs: list[Proof] = []

    def accept(image: Path) -> None:
        if target is None:
            return
        progress("proving that it boots this root")
        stack = target.stack or Stack("", request.kernel, platform.machine(), (), ())
        proof = prove(read_archive(image), stack, request.kernel, modules=request.modules)
        proofs.append(proof)
        unknown = proof.status is Status.UNKNOWN and not allow_unknown
        if unknown or not proof.bootable:
            raise UnfitError(proof)

    report = build(request, progress, accept=accept, keep=keep, wait=wait)
    proof = next(iter(proofs), None)
    return Installed(report, proof, (*_unproved(target), *_doubts(proof)))


def row_text(row: Row) -> str:
    """A row of a proof as a line."""
    return f"{row.layer}: {row.need}: {row.reason}"


def _named(proof: Proof) -> str:
    return f"the root {proof.root}" if proof.root else "any root"


def _unproved(target: Target | None) -> tuple[str, ...]:
    if target is None:
        return ("it was not asked whether the image boots this root (--no-check)",)
    if target.stack is None:
        return (
            f"not proved to boot any root: {target.reason}; to name one: --root UUID=…, or root "
            "or stack in /etc/initpy/*.toml",
        )
    return ()


def _doubts(proof: Proof | None) -> tuple[str, ...]:
    if proof is None:
        return ()
    rows = (*proof.of(Verdict.UNKNOWN), *proof.of(Verdict.WARNING))
    return tuple(row_text(row) for row in rows)
