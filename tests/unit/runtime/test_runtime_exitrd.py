"""R21: the exitrd reads what is there, keeps what it needs, and always ends the machine."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from initpy.config.project import PROJECT
from initpy.core.shutdown.declared import DeclaredLayer
from initpy.core.shutdown.messages import Deed, Do, Looked
from initpy.core.shutdown.present import BlockDevice, Daemon, MountPoint, Present
from initpy.runtime import syscalls
from initpy.runtime.exitrd import declared, deeds, engine, keep, main, present, programs
from initpy.runtime.exitrd.main import TIMEOUT, Order, parse

SYSTEMD = [
    "--timeout", "90000000us", "--log-level", "6", "--log-target", "console", "--log-color",
]  # fmt: skip


class EndedError(Exception):
    """The machine would have ended."""


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The commands of reboot(2), which nothing carries out."""
    commands: list[int] = []
    monkeypatch.setattr(syscalls, "reboot", commands.append)
    monkeypatch.setattr(main, "_prepare", lambda: None)
    monkeypatch.setattr(main, "REBOOT_ARGUMENT", "/nowhere")

    def sleep(_: float) -> None:
        raise EndedError

    monkeypatch.setattr("initpy.runtime.exitrd.main.time.sleep", sleep)
    return commands


@pytest.mark.parametrize(
    ("words", "order"),
    [
        (["reboot", *SYSTEMD], Order("reboot", 90.0)),
        (["poweroff", "--log-level", "7"], Order("poweroff", TIMEOUT, True)),
        (["halt", "--log-level=debug", "--timeout=3s"], Order("halt", 3.0, True)),
        (["kexec", "--timeout", "infinity"], Order("kexec")),
        (["kexec", "--timeout"], Order("kexec")),
    ],
)
def test_the_order_is_what_systemd_passes(words: list[str], order: Order) -> None:
    assert parse(words) == order


@pytest.mark.parametrize("words", [[], ["exit"], ["--timeout", "3s"]])
def test_an_unknown_order_restarts_the_machine_and_says_so(words: list[str]) -> None:
    order = parse(words)
    assert order.verb == "reboot"
    assert "none of reboot, poweroff, halt, kexec" in order.problem


@pytest.mark.parametrize("verb", main.COMMANDS)
def test_the_verb_is_done_in_the_end(
    ends: list[int], monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["/shutdown", verb])
    monkeypatch.setattr(main, "_engine", lambda order: True)
    with pytest.raises(EndedError):
        main.main()
    assert ends[0] == main.COMMANDS[verb]


def test_an_engine_that_fails_again_and_again_ends_the_machine(
    ends: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[Order] = []

    def fails(order: Order) -> bool:
        tries.append(order)
        return False

    monkeypatch.setattr(sys, "argv", ["/shutdown", "poweroff"])
    monkeypatch.setattr(main, "_engine", fails)
    with pytest.raises(EndedError):
        main.main()
    assert len(tries) == main.MOST_ENGINES
    assert ends[0] == syscalls.RB_POWER_OFF


def test_a_bug_of_ours_ends_the_machine(ends: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Order) -> bool:
        raise MemoryError

    monkeypatch.setattr(sys, "argv", ["/shutdown", "poweroff"])
    monkeypatch.setattr(main, "_engine", fails)
    with pytest.raises(EndedError):
        main.main()
    assert ends[0] == syscalls.RB_POWER_OFF


def test_what_the_kernel_refuses_becomes_a_restart(
    ends: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(command: int) -> None:
        ends.append(command)
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(syscalls, "reboot", refuses)
    with pytest.raises(EndedError):
        main.end("kexec")
    assert ends == [syscalls.RB_KEXEC, syscalls.RB_AUTOBOOT]


@pytest.mark.parametrize("how", ["hangs", "dies"])
def test_an_engine_that_hangs_or_dies_does_not_keep_process_1(
    monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    def run(self: engine.Engine, timeout: float) -> None:
        if how == "dies":
            raise RuntimeError(how)
        time.sleep(60)

    monkeypatch.setattr(main, "SILENCE", 0.2)
    monkeypatch.setattr(engine.Engine, "run", run)
    began = time.monotonic()
    assert main._engine(Order("reboot")) is False
    assert time.monotonic() - began < 200


FOUND = Present(
    (MountPoint(1, 0, "/", "ext4", frozenset({"dm-0"}), True),),
    (BlockDevice("md0", frozenset({"sda"}), "clean", "1.2"),),
    (("/dev/sdb", "sdb"),),
    (Daemon(7, "mdmon", ("md127",)),),
)


@pytest.fixture
def run_engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[engine.Engine]:
    """An engine whose steps are done by nobody."""
    ours, theirs = os.pipe()
    yield engine.Engine(theirs, False)
    os.close(ours)
    os.close(theirs)


def test_the_engine_takes_down_what_it_sees(
    run_engine: engine.Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In children: what a step changes is in the machine, here in a folder."""
    done = tmp_path / "done"

    def look(_: object) -> Present:
        gone = done.read_text().split() if done.exists() else []
        return FOUND._replace(
            mounts=() if "/" in gone else FOUND.mounts,
            devices=() if "md0" in gone else FOUND.devices,
            swaps=() if "/dev/sdb" in gone else FOUND.swaps,
            daemons=() if "7" in gone else FOUND.daemons,
        )

    def perform(step: Do, spared: tuple[int, ...]) -> None:
        assert {1, os.getppid()} == {*spared}
        with done.open("a") as file:
            file.write(f"{step.argument} ")

    monkeypatch.setattr(engine, "look", look)
    monkeypatch.setattr(engine, "perform", perform)
    run_engine.run(5.0)
    assert sorted(done.read_text().split()) == ["/", "/dev/sdb", "7", "md0"]


def test_a_step_that_hangs_is_killed_and_the_engine_ends(
    run_engine: engine.Engine, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def perform(step: Do, spared: tuple[int, ...]) -> None:
        if step.deed is Deed.SWAP_OFF:
            time.sleep(60)

    swap = Present(swaps=FOUND.swaps)
    monkeypatch.setattr(engine, "look", lambda _: swap)
    monkeypatch.setattr(engine, "perform", perform)
    began = time.monotonic()
    run_engine.run(0.5)
    assert time.monotonic() - began < 30
    assert "swap off /dev/sdb: has not ended within 0 s" in capfd.readouterr().err


def test_a_step_that_never_ends_does_not_keep_process_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process has the engine's pipe, too."""

    def perform(step: Do, spared: tuple[int, ...]) -> None:
        if step.deed is Deed.SWAP_OFF:
            time.sleep(25)

    def kill(pid: int, number: int) -> None:
        """It waits in the kernel."""

    monkeypatch.setattr(engine, "look", lambda _: Present(swaps=FOUND.swaps))
    monkeypatch.setattr(engine, "perform", perform)
    monkeypatch.setattr("initpy.runtime.exitrd.engine.os.kill", kill)
    began = time.monotonic()
    assert main._engine(Order("reboot", 0.5)) is True
    assert time.monotonic() - began < 3


def test_what_a_child_sees_arrives_unchanged() -> None:
    assert present.from_plain(present.plain(FOUND)) == FOUND
    pool = BlockDevice("the pool a", run=("zpool", "export", "a"))
    assert present.from_plain(present.plain(Present(devices=(pool,)))) == Present(devices=(pool,))
    assert Looked(present.look()).present is not None


def test_a_step_that_the_kernel_refuses_says_why() -> None:
    good, why = engine._outcome(lambda: deeds.perform(Do("k", Deed.UNMOUNT, "/nowhere"), ()))
    assert (good, why) == (False, "No such file or directory")


def layer(folder: Path, *run: str) -> DeclaredLayer:
    return DeclaredLayer("the pool {name}", f"{folder}/{{name}}/state", run, ("zfs",), ("zd",))


def test_layers_of_job_files_are_found_by_what_exists(tmp_path: Path) -> None:
    for name in ("a", "b c", "arcstats"):
        (tmp_path / name).mkdir()
    for name in ("a", "b c"):
        (tmp_path / name / "state").touch()
    layers = declared.decoded(declared.coded([layer(tmp_path, "zpool", "export", "{name}")]))
    assert [each for each in present.look(layers).devices if each.run] == [
        BlockDevice("the pool a", run=("zpool", "export", "a")),
        BlockDevice("the pool b c", run=("zpool", "export", "b c")),
    ]
    assert declared.active([layer(tmp_path / "none", "zpool", "{name}")]) == []


def test_a_command_that_fails_says_why() -> None:
    step = Do("k", Deed.RUN, "x", ("sh", "-c", "echo first; echo the last line >&2; exit 1"))
    assert engine._outcome(lambda: deeds.perform(step, ())) == (False, "the last line")
    assert engine._outcome(lambda: deeds.perform(step._replace(run=("true",)), ()))[0] is True
    missing = step._replace(run=("no-such-program",))
    assert "no-such-program" in str(engine._outcome(lambda: deeds.perform(missing, ())))


KEEPS = """
import sys
sys.path.insert(0, {project!r})
from initpy.runtime.exitrd import keep
keep.SPARE = {spare}
print(keep.keep(keep.declared.decoded({layers!r}), {folder!r}))
"""


def kept(folder: Path, spare: int = 0, layers: tuple[DeclaredLayer, ...] = ()) -> str:
    script = KEEPS.format(
        project=str(PROJECT), folder=str(folder), spare=spare, layers=declared.coded(layers)
    )
    base = getattr(sys, "_base_executable", sys.executable)
    done = subprocess.run(
        [base, "-ISB", "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip() + done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot(2) is for root")
def test_what_is_kept_is_enough_to_run_it(tmp_path: Path) -> None:
    assert kept(tmp_path) == "True"
    assert os.access(tmp_path / "shutdown", os.X_OK)
    base = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    script = (
        f"import sys; sys.path.insert(0, {str(PROJECT)!r}); "
        "from initpy.runtime.exitrd import main; print(main.parse(['halt']).verb)"
    )
    done = subprocess.run(
        ["chroot", str(tmp_path), base, "-ISB", "-c", script],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.stdout == "halt\n", done.stderr
    size = sum(each.lstat().st_size for each in tmp_path.rglob("*") if each.is_file())
    assert size < 40 << 20


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot(2) is for root")
def test_programs_of_layers_are_kept_with_their_libraries(tmp_path: Path) -> None:
    taken_down = layer(tmp_path, "udevadm", "--version", "{name}")
    assert kept(tmp_path, layers=(taken_down,)) == "True"
    assert declared.load(f"{tmp_path}{declared.FILE}") == (taken_down,)
    path = programs.find("udevadm")
    done = subprocess.run(
        ["chroot", str(tmp_path), os.path.realpath(path), "--version"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.stdout.strip().isdecimal(), done.stderr


def test_nothing_is_kept_for_a_layer_whose_program_is_missing(tmp_path: Path) -> None:
    said = kept(tmp_path, layers=(layer(tmp_path, "no-such-program", "{name}"),))
    assert said.startswith("False")
    assert "there is no program no-such-program" in said


def test_nothing_is_kept_where_memory_is_short(tmp_path: Path) -> None:
    said = kept(tmp_path, spare=1 << 30)
    assert said.startswith("False")
    assert "no way back at shutdown" in said
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(("takes", "kept"), [(0.2, True), (30.0, False)])
def test_keeping_it_may_take_long_but_not_for_ever(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    takes: float,
    kept: bool,
) -> None:
    """A busy machine may give the child little of its processor."""

    def fill(folder: str, layers: object) -> None:
        Path(folder, "shutdown").touch()
        time.sleep(takes)

    monkeypatch.setattr(keep, "_fill", fill)
    monkeypatch.setattr(keep, "LIMIT", 1.0)
    began, spent = time.monotonic(), time.process_time()
    assert keep.keep(folder=str(tmp_path)) is kept
    assert time.monotonic() - began < 20.0
    assert time.process_time() - spent < 0.5
    assert Path(tmp_path, "shutdown").exists() is kept
    assert ("not made within" in capfd.readouterr().err) is not kept
