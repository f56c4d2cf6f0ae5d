"""What was seen of a boot is judged by the scenario's expectations."""

import re

import pytest

from initpy.scenario.model import Expectation, Outcome
from initpy.scenario.verdict import (
    Observation,
    facts_of,
    guest_seconds,
    journal_of,
    leaks,
    outcome_of,
    reached,
    reasons_against,
    stuck_tasks,
    tail_of,
)

BOOTED = """\
[    3.500000] Run /init as init process
Passphrase for crypt (/dev/md127):
initpy: crypt: unlocked
[    6.750000] INITPY-LAB real init started uptime=6.70
INITPY-LAB real init started uptime=6.70
INITPY-LAB done
"""
FAILED = "initpy: the root device has not turned up: LABEL=x\n"


def expect(outcome: Outcome, *console: str, never: str = "", **facts: str) -> Expectation:
    return Expectation(
        outcome,
        60,
        tuple(re.compile(each) for each in console),
        (re.compile(never),) if never else (),
        tuple((key, re.compile(value)) for key, value in facts.items()),
    )


@pytest.mark.parametrize(
    ("text", "ended", "outcome"),
    [
        (BOOTED, "guest-shutdown", Outcome.BOOTED),
        (BOOTED, None, Outcome.BOOTED),
        ("starting", None, Outcome.NOTHING),
        ("starting", "guest-reset", Outcome.REBOOTED),
        ("starting", "guest-shutdown", Outcome.POWEROFF),
        (FAILED, None, Outcome.FAILED),
        (FAILED + "(initramfs) # ", None, Outcome.SHELL),
        (FAILED + "(initramfs) # ", "guest-reset", Outcome.REBOOTED),
        # Someone types in the shell that the boot is to go on.
        (FAILED + "(initramfs) # \n" + BOOTED, None, Outcome.BOOTED),
        ("[ 9.1] Kernel panic - not syncing: VFS\n", "guest-reset", Outcome.PANICKED),
    ],
)
def test_the_outcome_is_read_from_the_console_and_the_machines_end(
    text: str, ended: str | None, outcome: Outcome
) -> None:
    assert outcome_of(Observation(text, ended=ended)) is outcome


def test_guest_time_is_the_difference_of_the_kernels_stamps() -> None:
    assert guest_seconds(BOOTED) == pytest.approx(3.25)
    assert guest_seconds("nothing") is None


def test_texts_must_come_in_order() -> None:
    seen = Observation(BOOTED, ended="guest-shutdown")
    assert reasons_against(expect(Outcome.BOOTED, "Passphrase", "unlocked"), seen) == ()
    (reason,) = reasons_against(expect(Outcome.BOOTED, "unlocked", "Passphrase"), seen)
    assert reason == "the console never printed, in this order: Passphrase"


def test_words_that_the_kernel_has_cut_in_two_were_said() -> None:
    cut = "initpy: udevd ha[   13.466134] INITPY-LAB udevd 89 killed\ns ended (killed)\n"
    seen = Observation(f"{cut}{BOOTED}", ended="guest-shutdown")
    assert reasons_against(expect(Outcome.BOOTED, "udevd has ended"), seen) == ()
    assert reasons_against(expect(Outcome.BOOTED, "udevd 89 killed"), seen) == ()
    assert reasons_against(expect(Outcome.BOOTED, "udevd has come"), seen) != ()


def test_what_must_never_be_said_is_a_reason() -> None:
    (reason,) = reasons_against(expect(Outcome.BOOTED, never="unlock"), Observation(BOOTED))
    assert "unlock" in reason


def test_facts_match_whole_values() -> None:
    seen = Observation(BOOTED, "INITPY-LAB fact md=10\r\n{}\nINITPY-LAB fact left=\r\n")
    assert facts_of(seen) == {"md": "10", "left": ""}
    assert reasons_against(expect(Outcome.BOOTED, md="10", left=""), seen) == ()
    assert reasons_against(expect(Outcome.BOOTED, md="1"), seen) == ("fact md: '10', expected '1'",)
    assert reasons_against(expect(Outcome.BOOTED, no="1"), seen) == (
        "fact no: not reported, expected '1'",
    )


def test_the_failure_screen_stays_true_when_a_shell_opens_below_it() -> None:
    seen = Observation(FAILED + "(initramfs) # ")
    assert reached(expect(Outcome.FAILED), seen)
    assert reasons_against(expect(Outcome.FAILED), seen) == ()
    assert not reached(expect(Outcome.FAILED, "and more"), seen)


def test_a_boot_with_work_left_undone_does_not_hold() -> None:
    seen = Observation(BOOTED, undone=("plug a at 20 s",))
    assert reasons_against(expect(Outcome.BOOTED), seen) == ("not done: plug a at 20 s",)


def test_the_journal_skips_broken_lines() -> None:
    seen = Observation("", 'noise\n{"t": 1.5, "kind": "x"}\n{"t": 2, "ki\n')
    assert journal_of(seen) == ({"t": 1.5, "kind": "x"},)


def test_the_tail_of_a_panic_is_what_led_to_it() -> None:
    text = "python: no such file\n[1.0] Kernel panic - not syncing: init\nCall Trace:\n foo\n"
    assert tail_of(text).splitlines()[-1] == "[1.0] Kernel panic - not syncing: init"


def test_of_the_kernels_answer_only_the_programs_of_the_boot_are_kept() -> None:
    answer = (
        "[    9.1] sysrq: Show State\n"
        "[    9.2] task:kworker/0:1     state:I stack:0     pid:9\n"
        "[    9.2]  worker_thread+0xbd/0x3d0\n"
        "[    9.3] task:initpy-engine   state:D stack:0     pid:88\n"
        "[    9.3] Call Trace:\n"
        "[    9.3]  schedule+0x5a/0xd0\n"
    )

    assert stuck_tasks(answer) == (
        "task initpy-engine   state:D stack:0     pid:88\n[    9.3]  schedule+0x5a/0xd0"
    )


def test_r14_a_secret_that_can_be_read_anywhere_is_a_reason() -> None:
    assert leaks(("sesame",), Observation("asked", "{}")) == ()
    [console] = leaks(("sesame",), Observation("sesame: not found"))
    assert "in the console" in console
    [journal] = leaks(("sesame",), Observation("", '{"secret": "sesame"}'))
    assert "in the journal" in journal


def test_a_machine_that_stands_still_has_halted() -> None:
    seen = Observation("initpy: the boot has failed: halt now\n[    9.1] reboot: System halted\n")
    assert outcome_of(seen) is Outcome.HALTED
