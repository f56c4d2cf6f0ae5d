"""The oracle finds what is broken: the invariant for it kills each planted bug of the core."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from initpy.core import subjects
from initpy.core.actions import HandOver, Run
from initpy.core.boot import Boot
from initpy.core.events import JobEnded
from initpy.core.explanation import Node
from initpy.core.failure import assessment, ending, notice
from initpy.core.goals import handover, naming
from initpy.core.jobs.hold_table import STOPPED_BY, DeadlineKind, HoldKind
from initpy.core.jobs.instance import Instance
from initpy.core.machine import rules, wanted
from initpy.core.state.context import Context
from initpy.core.state.current_event import CurrentEvent
from initpy.core.state.deadlines import Deadline
from initpy.core.state.machine import Machine
from initpy.core.storage import assembly
from initpy.core.storage.assembly import Plan
from initpy.core.storage.lvm import foreign_groups
from initpy.core.storage.md import foreign, look, look_inside, start_degraded
from initpy.core.unlock import attempts
from initpy.core.unlock.source import Attempt
from initpy.core.waiting import clock, holds
from initpy.scenario.network import ADDRESS, PORTS
from initpy.scenario.parse import load_scenario
from initpy.scenario.servers import Server
from initpy.simulation.explore.found import trial_of
from initpy.simulation.explore.networks import JOB_FILE, SCRIPT, job_file
from initpy.simulation.explore.search import judge_trial

PLAIN = """
title = "a plain root"
[machine]
cmdline = "root=LABEL=r {words}"
[[disk]]
name = "a"
size = "64M"
{disk}
[[layer]]
kind = "ext4"
on = ["a"]
label = "r"
holds = "root"
[expect]
outcome = "booted"
"""
# Beside a root that comes late, a volume group of another system.
GUEST = """
title = "a guest's group"
[machine]
cmdline = "root=LABEL=r"
[[disk]]
name = "a"
size = "64M"
arrives = 30
[[disk]]
name = "b"
size = "64M"
[[layer]]
kind = "lvm"
group = "g"
name = "v"
on = ["b"]
system-id = "elsewhere"
[[layer]]
kind = "ext4"
on = ["v"]
label = "guest"
[[layer]]
kind = "ext4"
on = ["a"]
label = "r"
holds = "root"
[expect]
outcome = "booted"
"""
# A mirror of a plain disk and an encrypted one, whose passphrase is typed late.
HALF_LOCKED = """
title = "half of the mirror is locked"
[machine]
cmdline = "root=LABEL=r rd.timeout=20 rd.md.timeout=5 {words}"
[[disk]]
name = "a"
size = "64M"
[[disk]]
name = "b"
size = "64M"
[[layer]]
kind = "luks2"
name = "c1"
on = ["b"]
uuid = "3b1f4c52-6f0e-4c56-8f55-000000000001"
passphrase = "correct horse"
[[layer]]
kind = "raid1"
name = "r1"
on = ["a", "c1"]
[[layer]]
kind = "ext4"
on = ["r1"]
label = "r"
holds = "root"
[[person]]
when = "Passphrase for "
after = 60
type = "correct horse\\n"
[expect]
outcome = "booted"
"""
MIRROR = """
title = "a mirror"
[machine]
cmdline = "root=LABEL=r rd.md.timeout=15 {words}"
[[disk]]
name = "a"
size = "64M"
[[disk]]
name = "b"
size = "64M"
{second}
[[layer]]
kind = "raid1"
name = "r1"
on = ["a", "b"]
{array}
[[layer]]
kind = "ext4"
on = ["r1"]
label = "r"
holds = "root"
{more}
[expect]
outcome = "{outcome}"
"""
PART_FIRST = """
title = "a mirror of a disk and a partition that is announced before its disk"
[machine]
cmdline = "root=LABEL=r rd.md.timeout=5"
[[disk]]
name = "a"
size = "64M"
[[disk]]
name = "b"
size = "64M"
announced = 15
[[layer]]
kind = "partitions"
on = ["b"]
[[layer.part]]
name = "p"
[[layer]]
kind = "raid1"
name = "r1"
on = ["a", "p"]
[[layer]]
kind = "luks2"
name = "c1"
on = ["r1"]
passphrase = "correct horse"
[[layer]]
kind = "ext4"
on = ["c1"]
label = "r"
holds = "root"
[[person]]
when = "Passphrase for "
after = 20
type = "correct horse\\n"
[expect]
outcome = "booted"
"""
VOLUME = """
title = "LVM on LUKS"
[machine]
cmdline = "root=LABEL=r"
[[disk]]
name = "a"
size = "96M"
[[layer]]
kind = "luks2"
name = "c1"
on = ["a"]
uuid = "3b1f4c52-6f0e-4c56-8f55-000000000001"
passphrase = "correct horse"
[[layer]]
kind = "lvm"
group = "g"
name = "v"
on = ["c1"]
[[layer]]
kind = "ext4"
on = ["v"]
label = "r"
holds = "root"
[[person]]
when = "Passphrase for "
type = "correct horse\\n"
[expect]
outcome = "booted"
"""
WRONG = VOLUME.replace('LABEL=r"', 'LABEL=r rd.shell=0"').replace(
    'correct horse\\n"\n[expect]', 'no\\nno\\nno\\n"\n[expect]'
)
STRANGER = """
title = "a volume that nobody named beside one that is"
[machine]
cmdline = "root=LABEL=r rd.luks.uuid=3b1f4c52-6f0e-4c56-8f55-000000000001"
[[disk]]
name = "a"
size = "64M"
[[disk]]
name = "b"
size = "64M"
[[layer]]
kind = "luks2"
name = "c1"
on = ["a"]
uuid = "3b1f4c52-6f0e-4c56-8f55-000000000001"
passphrase = "correct horse"
[[layer]]
kind = "luks2"
name = "c2"
on = ["b"]
uuid = "3b1f4c52-6f0e-4c56-8f55-000000000002"
passphrase = "another horse"
[[layer]]
kind = "ext4"
on = ["c1"]
label = "r"
holds = "root"
[[person]]
when = "Passphrase for .*1 "
after = 5
type = "correct horse\\n"
[expect]
outcome = "booted"
"""


def mirror(**parts: str) -> str:
    """A mirror with a peculiarity."""
    usual = {"words": "", "second": "", "array": "", "more": "", "outcome": "booted"}
    return MIRROR.format(**{**usual, **parts})


GONE = "present = false"
THEIRS = 'homehost = "elsewhere"'


def nobody_holds(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(holds, "_holding", lambda context, deadline, takers: iter(()))


def impatient(patch: pytest.MonkeyPatch) -> None:
    """Timers of arrays run out at once."""
    whole = start_degraded._plan

    def plan(context: Context, instance: Instance, *rest: Any) -> Plan:
        usual = context.settings
        context.settings = usual._replace(md_timeout=0.5)
        try:
            return whole(context, instance, *rest)
        finally:
            context.settings = usual

    patch.setattr(start_degraded, "_plan", plan)
    patch.setattr(assembly, "GRACE_SECONDS", 0.0)


def anything_goes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(start_degraded, "_forbidden", lambda context, device, members: "")


def grabbing(patch: pytest.MonkeyPatch) -> None:
    """Groups of other systems are activated as if the user named them."""
    patch.setattr(foreign_groups, "named", lambda *_: True)


def grasping(patch: pytest.MonkeyPatch) -> None:
    """Any volume of another system's group that was looked at becomes writable."""
    whole = foreign_groups.changed

    def changed(context: Context, name: str) -> None:
        whole(context, name)
        device = context.devices.get(name)
        if device is not None and device.properties.get("INITPY_FOREIGN") == "yes":
            context.devices.mark(name, "INITPY_FOREIGN", "keep")

    patch.setattr(foreign_groups, "changed", changed)


def rash(patch: pytest.MonkeyPatch) -> None:
    """Root is mounted from what is only looked into."""
    patch.setattr(naming, "_mountable", lambda context, names: set(names))
    patch.setattr(look_inside, "_called_off", lambda context: "")
    patch.setattr(look_inside, "_asked_for", lambda context: iter(()))
    patch.setattr(rules, "may_look", lambda job, device: True)
    patch.setattr(subjects, "may_look", lambda job, device: True)


def trusting(patch: pytest.MonkeyPatch) -> None:
    """All arrays are this host's."""
    patch.setattr(foreign, "is_foreign", lambda context, device, members: False)


def hurried(patch: pytest.MonkeyPatch) -> None:
    """Arrays are looked into at once."""
    whole = look._wait

    def wait(context: Context, *rest: Any) -> None:
        usual = context.settings
        context.settings = usual._replace(md_timeout=0.5)
        try:
            whole(context, *rest)
        finally:
            context.settings = usual

    patch.setattr(look, "_wait", wait)


def silent(patch: pytest.MonkeyPatch) -> None:
    whole = CurrentEvent.report

    def report(self: CurrentEvent, text: str, detail: bool = False) -> None:
        if "degraded" not in text:
            whole(self, text, detail)

    patch.setattr(CurrentEvent, "report", report)


def curious(patch: pytest.MonkeyPatch) -> None:
    """All volumes are wanted."""
    for each in (rules, wanted):
        patch.setattr(each, "unwanted", lambda context, instance: None)


def talkative(patch: pytest.MonkeyPatch) -> None:
    """The passphrase is on the command line of the tool."""
    whole = attempts._try

    def attempt(context: Context, instance: Instance, spec: Any, now: Attempt, *rest: Any) -> None:
        word = bytes(now.secret.reveal()).decode() if now.secret else ""
        now.words = (*now.words, word)
        whole(context, instance, spec, now, *rest)

    patch.setattr(attempts, "_try", attempt)


def discouraged(patch: pytest.MonkeyPatch) -> None:
    """Nothing is tried again."""
    patch.setattr(rules, "_retry", lambda context, instance: False)


def hasty(patch: pytest.MonkeyPatch) -> None:
    """The handover waits for nobody."""
    patch.setattr(handover, "named_pending", lambda context: False)
    patch.setattr(handover, "_tools_at_work", lambda context: False)


def says_also(patch: pytest.MonkeyPatch, more: Callable[[Any, Any], tuple[Any, ...]]) -> None:
    """The core answers an event with more than it does: with what `more` makes of both."""
    whole = Boot.handle

    def handle(self: Boot, event: Any, now: float) -> tuple[Any, ...]:
        actions = whole(self, event, now)
        return (*actions, *more(event, actions))

    patch.setattr(Boot, "handle", handle)


def forgetful(patch: pytest.MonkeyPatch) -> None:
    """A command that has worked is run once more."""

    def again(event: Any, actions: Any) -> tuple[Any, ...]:
        if isinstance(event, JobEnded) and event.job == "luks-modules" and event.run == 1:
            return (Run(event.job, 2, ("modprobe", "--quiet", "dm-crypt")),)
        return ()

    says_also(patch, again)


def speechless(patch: pytest.MonkeyPatch) -> None:
    """The tree on the failure screen is bare, and there is no advice."""
    from initpy.core.failure import advice, explain

    patch.setattr(explain, "explain", lambda context, most=None: Node("root", "not found"))
    patch.setattr(advice, "advise", lambda context: ())


def careless(patch: pytest.MonkeyPatch) -> None:
    """What was missed is never looked for."""
    patch.setattr(notice, "notice", lambda context: None)


def twice(patch: pytest.MonkeyPatch) -> None:
    """What is handed over is handed over once more."""
    says_also(patch, lambda _, actions: tuple(a for a in actions if isinstance(a, HandOver)))


def unhurried(patch: pytest.MonkeyPatch) -> None:
    """The failure screen never comes."""
    patch.setattr(ending, "fail", lambda context, reason: None)


def rushed(patch: pytest.MonkeyPatch) -> None:
    """The wait for root counts twice as fast."""
    whole = clock.wait_for_root

    def wait_for_root(context: Context, seconds: float | None) -> None:
        whole(context, seconds / 2 if seconds else None)

    patch.setattr(ending, "wait_for_root", wait_for_root)


def endless(patch: pytest.MonkeyPatch) -> None:
    """A login to a server holds arrays beyond the root's deadline."""
    whole = holds._may_reveal

    def may_reveal(context: Context, instance: Instance, subject: str) -> bool:
        overdue, context.outcome.overdue = context.outcome.overdue, False
        found = whole(context, instance, subject)
        context.outcome.overdue = overdue
        return found

    patch.setattr(holds, "_may_reveal", may_reveal)


def far(kind: str, up: str) -> str:
    """A mirror whose second half is a disk of a server."""
    target = "iqn.2004-01.org.example:b" if kind == "iscsi" else ""
    store = Server("store", kind, ("b",), "eth0", ADDRESS, PORTS[kind], target=target)
    text = mirror().replace("[expect]", "[expect]\nwithin = 1800")
    return (
        f"{text}\n[[nic]]\nname = 'eth0'\nlease = 0\n[[server]]\nname = 'store'\n"
        f"kind = '{kind}'\nserves = ['b']\nup = {up}\n"
        + (f"target = '{target}'\n" if target else "")
        + f"[image.files]\n'{SCRIPT}' = ''\n"
        + f'\'{JOB_FILE}\' = """\n{job_file(store, 20, 60)}"""\n'
    )


def blind(patch: pytest.MonkeyPatch) -> None:
    """What is there and cannot be used yet holds nothing."""
    patch.setattr(Machine, "await_ready", lambda self, instance, reason: None)


def merciless(patch: pytest.MonkeyPatch) -> None:
    """Root's deadline starts arrays whose members may come at any moment."""
    patch.setattr(Deadline, "in_grace", lambda self, now: False)


def deserted(patch: pytest.MonkeyPatch) -> None:
    """A shell holds nothing."""
    patch.setattr(holds, "_shell", lambda context, deadline: None)


def severe(patch: pytest.MonkeyPatch) -> None:
    """Wrong passphrases hold nothing."""
    kinds = STOPPED_BY[DeadlineKind.END]
    others = tuple(each for each in kinds if each is not HoldKind.UNANSWERED)
    patch.setitem(STOPPED_BY, DeadlineKind.END, others)


def idle(patch: pytest.MonkeyPatch) -> None:
    """A boot that the loader counts stays at its failure screen."""
    patch.setattr(assessment, "begin", lambda context: None)


def counted(text: str, *inputs: tuple[str, str]) -> str:
    """The same world, counted, with users who type something after a text."""
    typed = "".join(
        f"[[person]]\nwhen = '{when}'\nafter = 1\ntype = '{keys}'\n" for when, keys in inputs
    )
    words = "root=LABEL=r rd.timeout=8 initpy.tries=1"
    text = text.replace("root=LABEL=r", words)
    return text.replace("[expect]", f"{typed}[expect]\nwithin = 600")


def found(name: str) -> str:
    """A world that exploring has found."""
    return (Path(__file__).parent / "found" / f"{name}.toml").read_text()


LOST = "[simulation]\nseed = 7\nlost = 0.9\n[expect]"
FAILS = '[[tool]]\nprogram = "mdadm"\nwith = "--incremental"\nfails = 2\n[expect]'
PLANTED: list[tuple[Callable[[pytest.MonkeyPatch], None], str, str]] = [
    (nobody_holds, HALF_LOCKED.format(words=""), "never-degraded-while-a-volume-is-locked"),
    (nobody_holds, HALF_LOCKED.format(words="rd.md.degraded=no"),
     "never-failed-while-a-user-types"),
    (impatient, mirror(second=GONE), "never-degraded-before-its-time"),
    (anything_goes, mirror(second=GONE, words="rd.md.degraded=no", outcome="shell"),
     "never-degraded-against-the-policy"),
    (rash, mirror(second=GONE, array=THEIRS), "nothing-is-written-to-what-is-only-looked-into"),
    (trusting, mirror(second=GONE, array=THEIRS), "another-hosts-array-is-looked-into-first"),
    (hurried, mirror(second=GONE, array=THEIRS), "no-look-comes-before-its-time"),
    (silent, mirror(second=GONE), "degraded-starts-are-announced"),
    (curious, STRANGER, "no-prompt-for-an-unwanted-volume"),
    (talkative, VOLUME, "no-secret-is-readable"),
    (discouraged, mirror().replace("[expect]", FAILS), "a-reachable-root-is-mounted"),
    (hasty, mirror().replace("[expect]", "[simulation]\nseed = 7\n[expect]"),
     "no-tool-below-root-at-the-handover"),
    (forgetful, VOLUME, "no-command-twice-without-reason"),
    (speechless, mirror(second=GONE, words="rd.md.degraded=no", outcome="shell"),
     "a-failure-tells-why"),
    (careless, PLAIN.format(words="", disk="").replace("[expect]", LOST),
     "a-reachable-root-is-mounted"),
    (twice, PLAIN.format(words="", disk=""), "handed-over-once"),
    (unhurried, PLAIN.format(words="", disk=GONE), "an-unreachable-root-fails-in-time"),
    (nobody_holds, far("nbd", "30"), "never-degraded-while-a-network-disk-may-come"),
    (endless, far("iscsi", "'never'"), "a-reachable-root-is-mounted"),
    (rushed, PLAIN.format(words="", disk=GONE), "never-failed-before-the-time"),
    (blind, PART_FIRST,
     "never-degraded-while-a-member-is-looked-at"),
    (blind, found("named-volume-announced-before-its-disk"),
     "named-volumes-are-open-before-the-handover"),
    (deserted, counted(PLAIN.format(words="", disk=GONE), ("a key opens", "x")),
     "a-counted-boot-never-ends-beside-a-user"),
    (severe, counted(WRONG), "a-counted-boot-never-ends-beside-a-user"),
    (idle, counted(PLAIN.format(words="", disk=GONE)), "a-failed-boot-ends-in-time"),
    (grabbing, GUEST, "a-foreign-group-is-not-written"),
    (grasping, GUEST, "a-foreign-group-is-not-written"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("plant", "text", "invariant"), PLANTED, ids=[f"{p.__name__}-{i}" for p, _, i in PLANTED]
)
def test_a_planted_bug_is_found_and_the_real_core_has_none(
    plant: Callable[[pytest.MonkeyPatch], None],
    text: str,
    invariant: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    path = tmp_path / "world.toml"
    path.write_text(text)
    trial = trial_of(load_scenario(path))
    assert judge_trial(trial) == ()
    plant(monkeypatch)
    assert invariant in [each.invariant for each in judge_trial(trial)]
