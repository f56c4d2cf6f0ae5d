"""Boots the contenders in turns and measures initpy's memory."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from initpy.config.project import PROJECT
from initpy.image.formats import cpio
from initpy.image.tree import File
from initpy.lab.contenders import Contender
from initpy.lab.courses import NESTED, Course, can_boot, scenario_for
from initpy.lab.disks import prepare_disks
from initpy.lab.phases import Phase, kernel_seconds, phases
from initpy.lab.prepare import Bench
from initpy.lab.qemu import EMULATED
from initpy.lab.run import Manner, run_scenario
from initpy.scenario.model import Scenario
from initpy.scenario.parse import load_scenario

# After this many failures without a successful boot, a contender skips the course.
_CHANCES = 2
_MEMORY_AGENT = PROJECT / "qemu" / "memory-agent.sh"
# The guest's clock counts executed instructions, 2 ns each, so that load on this host and the cost
# of emulation hardly matter. A second processor hangs at its start in this mode.
_COUNTED = ("-accel", "tcg,thread=single", "-cpu", "max", "-icount", "shift=1")
# MemAvailable does not count the free pages that the kernel keeps at hand for each processor
# (percpu_pagelist_high_fraction in its admin-guide/sysctl/vm.rst): up to 55 MB of 1 GiB, by chance,
# since pages of the initramfs go there when they are freed. The parameter makes these lists short.
_SHORT_LISTS = "sysctl.vm.percpu_pagelist_high_fraction=2000"
# Seconds before the answer: enough for several samples while the prompt is up.
_LOOKING = 6.0


@dataclass(frozen=True, slots=True)
class Clock:
    """The machine to measure on, by the source of the guest's time."""

    name: str
    accelerator: tuple[str, ...]
    parameters: str = ""  # of the kernel command line


def clock(accelerator: tuple[str, ...], *, steady: bool) -> Clock:
    """Return the clock: the host's time on two processors, or (steady) instructions on one."""
    if steady:
        return Clock("1 processor, emulated, 2 ns an instruction", _COUNTED, "nr_cpus=1")
    how = "emulated" if accelerator == EMULATED else "with KVM"
    return Clock(f"2 processors, {how}", accelerator)


@dataclass(frozen=True, slots=True)
class Boot:
    """One boot of one contender."""

    course: str
    contender: str
    guest: float | None  # seconds from /init to the real init's first line; None: it did not boot
    kernel: float | None = None  # seconds from the kernel's start to /init
    wall: float = 0.0
    trouble: str = ""
    phases: tuple[Phase, ...] = ()
    available: int | None = None  # bytes of memory that the real system has left (proc(5))


@dataclass(frozen=True, slots=True)
class Memory:
    """The peak memory of initpy's processes while it asked for a passphrase, in bytes."""

    init: int
    engine: int
    shared_once: int  # the sum with shared pages counted once

    @property
    def resident(self) -> int:
        """Return the sum of both, with shared pages counted twice."""
        return self.init + self.engine


def rounds(
    contenders: Sequence[Contender],
    courses: Sequence[Course],
    count: int,
    bench: Bench,
    time: Clock,
) -> Iterator[Boot]:
    """Boot all contenders on all courses `count` times, in turns: load affects all alike."""
    starts = pairs(contenders, courses)
    boots: list[Boot] = []
    for _ in range(count):
        for course, contender, scenario in starts:
            if contender.built is None or _hopeless(boots, course, contender):
                continue
            cmdline = f"{scenario.cmdline} {time.parameters} {_SHORT_LISTS}"
            its_bench = Bench(bench.kernel, contender.built.image, time.accelerator)
            boot = _boot(course, contender, replace(scenario, cmdline=cmdline), its_bench)
            boots.append(boot)
            yield boot


def own_images(contenders: Iterable[Contender], bench: Bench, time: Clock) -> Iterator[Boot]:
    """Boot each host-only image once, on its course."""
    made = [replace(each, built=each.host) for each in contenders if each.host is not None]
    yield from rounds(made, [NESTED], 1, bench, time)


def pairs(
    contenders: Sequence[Contender], courses: Sequence[Course]
) -> list[tuple[Course, Contender, Scenario]]:
    """Return (course, contender, scenario) for one round: all contenders with a suitable image."""
    plans = [(course, load_scenario(course.file)) for course in courses]
    return [
        (course, contender, scenario_for(scenario, contender.peer))
        for course, scenario in plans
        for contender in contenders
        if contender.built is not None and can_boot(contender.peer, scenario)
    ]


def _hopeless(boots: Iterable[Boot], course: Course, contender: Contender) -> bool:
    results = [
        boot.guest
        for boot in boots
        if (boot.course, boot.contender) == (course.key, contender.name)
    ]
    return len(results) >= _CHANCES and not any(results)


def _boot(course: Course, contender: Contender, scenario: Scenario, bench: Bench) -> Boot:
    console = bytearray()
    verdict = run_scenario(scenario, bench, Manner(show=console.extend))
    text = console.decode(errors="replace")
    trouble = "; ".join(verdict.reasons)
    if not trouble and verdict.guest is None:
        trouble = "the console has no time stamps of /init and the real init"
    if trouble:
        logs = f" (logs: {verdict.logs})" if verdict.logs else ""
        return Boot(course.key, contender.name, None, wall=verdict.wall, trouble=f"{trouble}{logs}")
    return Boot(
        course.key,
        contender.name,
        verdict.guest,
        kernel_seconds(text),
        verdict.wall,
        phases=phases(text, verdict.journal),
        available=_available(verdict.facts),
    )


def _available(facts: Mapping[str, str]) -> int | None:
    kib = facts.get("memory.available", "")
    return int(kib) * 1024 if kib.isdecimal() else None


def measure_memory(initpy: Contender, bench: Bench, folder: Path) -> Memory | str:
    """Return initpy's memory at the prompt of the nested course, or why it was not measured."""
    if initpy.built is None:
        return "no image"
    image = folder / "memory.img"
    agent = File(_MEMORY_AGENT.read_bytes(), 0o755)
    cpio.append(initpy.built.image, [cpio.segment({"/lab-memory": agent})], image)
    plain = load_scenario(NESTED.file)
    prepare_disks([plain.recipe()], lambda _: None)
    scenario = scenario_for(plain, None, thinking=_LOOKING)
    scenario = replace(scenario, cmdline=f"{scenario.cmdline} rdinit=/lab-memory")
    verdict = run_scenario(scenario, replace(bench, image=image), Manner())
    if not verdict.holds:
        return f"the machine did not boot: {'; '.join(verdict.reasons)} (logs: {verdict.logs})"
    return read_memory(verdict.facts)


def read_memory(facts: Mapping[str, str]) -> Memory | str:
    """Return the agent's figures, which are in KiB."""
    try:
        init, engine, init_share, engine_share = (
            int(facts[f"initpy.{name}"]) * 1024
            for name in ("init.rss", "engine.rss", "init.pss", "engine.pss")
        )
    except (KeyError, ValueError) as error:
        return f"the guest did not report it: {error}"
    return Memory(init, engine, init_share + engine_share)
