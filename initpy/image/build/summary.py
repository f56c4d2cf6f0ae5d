"""The closing lines of a build: content by kind, warnings, size and duration."""

from collections.abc import Iterator

from initpy.image.build.build import Assembled, BuildReport
from initpy.image.content.kinds import shares
from initpy.image.kernel.kmod import Need


def megabytes(size: int) -> str:
    """Format a size in MB (1,000,000 bytes) or kB."""
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"


def summary_lines(report: BuildReport, *, verbose: bool) -> list[str]:
    """Return the closing lines of a build."""
    lines = [
        f"{share.kind:<15} {share.files:>4} files {megabytes(share.size):>9}"
        for share in shares(report.assembled.tree)
    ]
    if report.microcode:
        lines.append(f"{'microcode':<15} {'':>4}       {megabytes(report.microcode):>9}")
    absent = len(report.assembled.absent_firmware)
    if absent and not verbose and not report.assembled.own:
        lines.append(f"{absent:>20} firmware files of drivers not installed (list: --verbose)")
    if verbose:
        lines += [f"{step.seconds:5.2f} s  {step.name}" for step in report.assembled.steps]
    size = megabytes(report.size)
    lines.append(f"{report.output}: {size}, built in {report.seconds:.1f} s")
    return lines


def warning_lines(assembled: Assembled, *, verbose: bool) -> list[str]:
    """Return the warnings of a build."""
    lines = list(assembled.warnings)
    if assembled.absent_firmware and (verbose or assembled.own):
        modules = sorted({module for module, _ in assembled.absent_firmware})
        lines.append(
            f"firmware that {', '.join(modules)} may request is not installed; "
            "if you have such a device: apt install firmware-linux"
        )
        lines += [f"firmware: {module}: {name}" for module, name in assembled.absent_firmware]
    lines += _absent_drivers(assembled, verbose=verbose)
    return lines


def _absent_drivers(assembled: Assembled, *, verbose: bool) -> Iterator[str]:
    """Yield the drivers that the kernel lacks, by source; optional ones only if `verbose`."""
    shown = {Need.TECHNOLOGY, Need.OPTIONAL} if verbose else {Need.TECHNOLOGY}
    for need in sorted(shown, key=lambda each: each.name, reverse=True):
        by: dict[str, list[str]] = {}
        for want in assembled.absent_drivers:
            if want.need is need:
                by.setdefault(want.by, []).append(want.what)
        loss = "; this technology will not work" if need is Need.TECHNOLOGY else ""
        for owner, names in by.items():
            yield f"{owner}: kernel {assembled.kernel} has no {', '.join(names)}{loss}"
