"""Renders the comparison as text tables and as plain values for JSON."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from initpy.lab.adverse import ADVERSE, Trial
from initpy.lab.benchmark import Boot, Memory
from initpy.lab.contenders import INITPY, Built, Contender
from initpy.lab.courses import NESTED, Course, can_boot
from initpy.lab.figures import Target, of, ratio, spread_of, targets, typical_phases
from initpy.scenario.parse import load_scenario

# The peers normally examine the machine that they run on, whose root is not the lab's.
_OWN_IMAGES = """\
(1) the peers get the facts that they would find on the machine: the drivers of initpy's image
    (MODULES=list, --drivers), dracut also the layers (--hostonly --add). initramfs-tools' image
    has no interpreter: its size is that of the distribution's programs (docs/image.md, Size)."""
_GAP = "  "
_BAR = 24


@dataclass(frozen=True, slots=True)
class Comparison:
    """The results of one run."""

    kernel: str
    machine: str
    load: tuple[float, float]  # of the host, at the start and at the end
    courses: tuple[Course, ...]
    contenders: tuple[Contender, ...]
    boots: tuple[Boot, ...]
    memory: Memory | str | None
    trials: tuple[Trial, ...] = ()
    own: tuple[Boot, ...] = ()  # boots of the host-only images
    judged: bool = True  # the targets apply to these times (not with --steady)


def render(found: Comparison) -> str:
    """Return the tables, the targets, initpy's phases, and the problems as text."""
    parts = [_heading(found), _columns(_table(found)), _columns(_verdicts(found))]
    parts.append(_columns(_adverse(found)))
    parts += [_profile(found, course) for course in found.courses]
    parts.append("\n".join(_troubles(found)))
    return "\n\n".join(part for part in parts if part)


def as_json(found: Comparison) -> dict[str, Any]:
    """Return every single value, so that a reader can judge the spread."""
    return {
        "kernel": found.kernel,
        "machine": found.machine,
        "load": found.load,
        "courses": {course.key: course.title for course in found.courses},
        "contenders": [
            {
                "name": each.name,
                "version": each.version,
                "trouble": each.trouble,
                "image_bytes": each.built.size if each.built else None,
                "compression": each.built.compression if each.built else None,
                "build_seconds": each.built.seconds if each.built else None,
                "build_processor_seconds": each.built.processor if each.built else None,
                "host_image_bytes": each.host.size if each.host else None,
                "host_build_seconds": each.host.seconds if each.host else None,
            }
            for each in found.contenders
        ],
        "trials": [asdict(trial) for trial in found.trials],
        "boots": [asdict(boot) for boot in found.boots],
        "boots_of_host_images": [asdict(boot) for boot in found.own],
        "memory": asdict(found.memory) if isinstance(found.memory, Memory) else None,
        "targets": [{**asdict(each), "met": each.met} for each in _targets(found)],
    }


def _heading(found: Comparison) -> str:
    before, after = found.load
    return (
        f"kernel {found.kernel}, {found.machine}; load of the host {before:.1f} at the start, "
        f"{after:.1f} at the end\n"
        "guest seconds from /init to the real init's first line: median (least-most)"
    )


def _middles(
    found: Comparison, course: Course, measured: Callable[[Boot], float | None]
) -> list[float | None]:
    """Return the median of what was measured for each contender; None without any."""
    spreads = (
        spread_of(map(measured, of(found.boots, course.key, each.name)))
        for each in found.contenders
    )
    return [each.middle if each is not None else None for each in spreads]


def _table(found: Comparison) -> list[list[str]]:
    rows = [["", *(f"{each.name} {each.version}".strip() for each in found.contenders)]]
    for course in found.courses:
        rows.append([course.title, *(_time(found, course, each) for each in found.contenders)])
        peers = [each.name for each in found.contenders if each.peer is not None]
        parts = [_times(ratio(found.boots, course.key, name)) for name in peers]
        rows.append(["  initpy's time to it", "", *parts])
    for course in found.courses:
        kernels = _middles(found, course, lambda boot: boot.kernel)
        cells = ["" if each is None else f"{each:.2f}" for each in kernels]
        rows.append([f"before /init, {course.key}", *cells])
    for course in found.courses:
        left = _middles(found, course, lambda boot: boot.available)
        cells = ["" if each is None else f"{each / 1e6:.1f} MB" for each in left]
        rows.append([f"memory left to the real system, {course.key}", *cells])
    rows.append(["generic image", *(_size(each.built) for each in found.contenders)])
    rows.append(["  build of it", *(_build(each.built) for each in found.contenders)])
    if any(each.host for each in found.contenders):
        hosts = [each.host for each in found.contenders]
        sizes = (_size(each) if each else "-" for each in hosts)
        rows.append(["host-only image, LVM on LUKS on RAID1 (1)", *sizes])
        rows.append(["  build of it", *(_build(each) if each else "" for each in hosts)])
        boots = (_time_of(of(found.own, NESTED.key, each.name)) for each in found.contenders)
        rows.append(["  a boot of it", *boots])
    if isinstance(found.memory, Memory):
        memory = found.memory
        cell = f"{memory.init / 1e6:.1f} + {memory.engine / 1e6:.1f} MB"
        rows.append(["resident, PID 1 + engine", cell])
        rows.append(["  shared pages counted once", f"{memory.shared_once / 1e6:.1f} MB"])
    return rows


def _adverse(found: Comparison) -> list[list[str]]:
    """Return the outcomes of the adverse boots: a row for each, a column for each contender."""
    keys = {trial.course for trial in found.trials}
    names = [
        each.name
        for each in found.contenders
        if any(trial.contender == each.name for trial in found.trials)
    ]
    rows = [["adverse boots: outcome", *names]] if keys else []
    for course in ADVERSE:
        if course.key in keys:
            cells = {
                trial.contender: trial.outcome
                for trial in found.trials
                if trial.course == course.key
            }
            rows.append([course.title, *(cells.get(name, "") for name in names)])
    return rows


def _time(found: Comparison, course: Course, contender: Contender) -> str:
    boots = of(found.boots, course.key, contender.name)
    if contender.built is None:
        return "no image"
    if not boots:
        able = can_boot(contender.peer, load_scenario(course.file))
        return "not booted" if able else "-"
    return _time_of(boots)


def _time_of(boots: Sequence[Boot]) -> str:
    """Return the median of some boots as text; "" without boots."""
    spread = spread_of(boot.guest for boot in boots)
    if not boots:
        return ""
    if spread is None:
        return f"does not boot (0 of {len(boots)})"
    cell = f"{spread.middle:.2f} ({spread.least:.2f}-{spread.most:.2f})"
    return cell if spread.count == len(boots) else f"{cell} {spread.count} of {len(boots)} booted"


def _times(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}x"


def _size(built: Built | None) -> str:
    return f"{built.size / 1e6:.1f} MB {built.compression}" if built else "no image"


def _build(built: Built | None) -> str:
    if built is None or built.seconds is None or built.processor is None:
        return "not timed"
    return f"{built.seconds:.1f} s ({built.processor:.1f} s of processors)"


def _targets(found: Comparison) -> tuple[Target, ...]:
    return targets(found.contenders, found.boots if found.judged else (), found.memory)


def _verdicts(found: Comparison) -> list[list[str]]:
    words = {True: "met", False: "MISSED", None: "not measured"}
    rows = [["target", "at most", "measured", ""]]
    for each in _targets(found):
        value = "" if each.value is None else f"{each.value:.2f} {each.unit}"
        rows.append([each.what, f"{each.most:g} {each.unit}", value, words[each.met]])
    return rows


def _profile(found: Comparison, course: Course) -> str:
    phases = typical_phases(of(found.boots, course.key, INITPY))
    if not phases:
        return ""
    whole = max(sum(phase.seconds for phase in phases), 0.001)
    rows = [[f"where initpy's time goes, {course.key}", "median", ""]]
    for phase in phases:
        bar = "#" * round(max(0.0, phase.seconds) / whole * _BAR)
        rows.append([phase.name, f"{phase.seconds:.2f} s", bar])
    return _columns(rows)


def _troubles(found: Comparison) -> Iterable[str]:
    for contender in found.contenders:
        if contender.trouble:
            yield f"{contender.name}: {contender.trouble}"
    for trial in found.trials:
        for remark in trial.remarks:
            yield f"{trial.contender}, {trial.course}: {remark}"
    if any(each.host for each in found.contenders):
        yield _OWN_IMAGES
    for boot in (*found.boots, *found.own):
        if boot.trouble:
            yield f"{boot.contender}, {boot.course}: {boot.trouble}"
    if isinstance(found.memory, str):
        yield f"memory of initpy: {found.memory}"


def _columns(rows: Sequence[Sequence[str]]) -> str:
    """Return the rows as text with aligned columns."""
    count = max((len(row) for row in rows), default=0)
    widths = [max(len(row[n]) for row in rows if n < len(row)) for n in range(count)]
    lines = (
        _GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)
