"""Installs an image: builds it, proves that it boots this root, replaces the old one atomically."""

import platform
from dataclasses import dataclass, replace
from pathlib import Path

from initpy.image.build.build import BuildReport, build
from initpy.image.build.request import BuildRequest
from initpy.image.build.timing import Progress, silent
from initpy.image.check.check import prove
from initpy.image.check.machine import in_folder, nothing
from initpy.image.check.proof import Proof, Row, Verdict
from initpy.image.formats.archive import read_archive
from initpy.image.stack.layers import Stack
from initpy.image.stack.ownroot import Target
from initpy.image.status import Status


class UnfitError(RuntimeError):
    """The image was not installed: it cannot boot this root, or the check could not tell.

    `proof.status` is CANNOT_BOOT or UNKNOWN; the text lists the missing or unknown needs.
    """

    def __init__(self, proof: Proof) -> None:
        self.proof = proof
        cannot = proof.status is Status.CANNOT_BOOT
        rows = proof.of(Verdict.MISSING if cannot else Verdict.UNKNOWN)
        what = f"an image for kernel {proof.kernel}"
        lines = [
            f"{what} cannot boot {_named(proof)}; missing now:"
            if cannot
            else f"could not determine whether {what} boots {_named(proof)}:"
        ]
        lines += [f"  {row_text(row)}" for row in rows]
        if not cannot:
            lines.append("  hint: --allow-unknown installs it anyway")
        super().__init__("\n".join(lines))


@dataclass(frozen=True, slots=True)
class Installed:
    """The installed image, and its proof."""

    report: BuildReport
    proof: Proof | None  # None if the check was disabled
    warnings: tuple[str, ...]  # of the proof; those of the build are in the report


def install(
    request: BuildRequest,
    target: Target | None,
    progress: Progress = silent,
    *,
    allow_unknown: bool = False,
    keep: int = 1,
    wait: bool = True,
) -> Installed:
    """Build the image, prove it and put it in place; without a target, skip the proof.

    For a target without a stack, the proof covers only what does not depend on the root. Raises
    UnfitError, and whatever `build` raises; the old image then stays.
    """
    proofs: list[Proof] = []

    def accept(image: Path) -> None:
        if target is None:
            return
        progress("proving that the image boots this root")
        stack = target.stack or Stack("", request.kernel, platform.machine(), (), ())
        # Boot loaders get their entry after the image: that none is there yet is no doubt.
        archive = replace(read_archive(image), path=request.output)
        own = request.identity is not None and request.identity.here
        proof = prove(
            archive, stack, request.kernel, modules=request.modules, configured=False,
            machine=in_folder(request.identity.base) if own and request.identity else nothing,
        )  # fmt: skip
        proofs.append(proof)
        unknown = proof.status is Status.UNKNOWN and not allow_unknown
        if unknown or not proof.bootable:
            raise UnfitError(proof)

    wanted = replace(request, proved=target is not None)
    report = build(wanted, progress, accept=accept, keep=keep, wait=wait)
    proof = next(iter(proofs), None)
    return Installed(report, proof, (*_unproved(target), *_doubts(proof)))


def row_text(row: Row) -> str:
    """Return a row of a proof as one line."""
    return f"{row.layer}: {row.need}: {row.reason}"


def _named(proof: Proof) -> str:
    return f"the root {proof.root}" if proof.root else "any root"


def _unproved(target: Target | None) -> tuple[str, ...]:
    if target is None:
        return ("--no-check: it is not checked whether the image boots this root",)
    if target.stack is None:
        return (
            f"not checked against any root: {target.reason}; name a root with --root UUID=…, or "
            "with root or stack in /etc/initpy/*.toml",
        )
    return ()


def _doubts(proof: Proof | None) -> tuple[str, ...]:
    if proof is None:
        return ()
    rows = (*proof.of(Verdict.UNKNOWN), *proof.of(Verdict.WARNING))
    return tuple(row_text(row) for row in rows)
