"""The engine joins the core with a made-up world: what it tells PID 1 is what counts."""

import asyncio
import errno
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from initpy.config.errors import InputError
from initpy.config.jobs import parse_job_file
from initpy.core.devices.graph import Device
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.events import DeviceChanged, DeviceRemoved, Enumerated, RetryAsked
from initpy.core.secret import Secret
from initpy.core.settings import Emergency, RootMount, Settings
from initpy.core.state.goals import SYSROOT
from initpy.runtime import control, findings, mounting, start
from initpy.runtime import engine as engine_module
from initpy.runtime.aside import Answer, Aside, Call
from initpy.runtime.engine import Engine
from initpy.runtime.exitrd.declared import coded
from initpy.runtime.handover import NoInitError
from initpy.runtime.journal import Journal

ROOT = Settings(root=DeviceSpec(Naming.LABEL, "root"))
ALIVE = "alive"  # each engine says so first
HANDOVER = ["mounting", "switch-root\0/sysroot\0/sbin/init"]
# Root on layers: the shutdown takes them down.
FROM_LAYERS = [HANDOVER[0], f"keep-exitrd\0{coded(())}", *HANDOVER[1:]]

JOBS = """
summary = "test"
[[job]]
name = "mount-root"
does = "mount {DEVNAME} as the root file system"
match = { INITPY_ROLE = "root" }
strategy = "mount-root"
success = { mounted = "/sysroot" }
tries = 1
[[job]]
name = "luks-open"
does = "unlock {DEVNAME}"
match = { ID_FS_TYPE = "crypto_LUKS" }
strategy = "unlock"
run = ["/bin/sh", "-c", "test \\"$(cat)\\" = 'correct horse' || exit 2"]
success = { holder = { DM_UUID = "CRYPT-*" } }
"""


def disk(name: str, on: tuple[str, ...] = (), **properties: str) -> Device:
    """A block device."""
    return Device(name, {"DEVNAME": f"/dev/{name}", **properties}, frozenset(), frozenset(on))


def file_system(name: str, on: tuple[str, ...] = (), **properties: str) -> Device:
    """The root file system."""
    known = {"ID_FS_TYPE": "ext4", "ID_FS_USAGE": "filesystem", "ID_FS_LABEL_ENC": "root"}
    return disk(name, on, **known, **properties)


class World:
    """Devices, a console and the kernel's mounts, as the engine meets them."""

    def __init__(self) -> None:
        self.devices: list[Device] = []
        self.looks: list[Device | None] = []  # what shows each time a device is looked at again
        self.events: list[DeviceChanged | DeviceRemoved | OSError] = []
        self.said: list[str] = []
        self.prompts: list[str] = []
        self.types: list[str] = []  # answers to the prompts, in order
        self.mounts: list[tuple[object, ...]] = []
        self.mounted: str | None = None
        self.fstab: str | None = None
        self.mount_error = (0, "")
        self.init: tuple[str, str] | None = ("/sbin/init", "")
        self.shells = 0
        self._reading, self._writing = os.pipe()

    # udev

    def fileno(self) -> int:
        return self._reading

    def happens(self, event: DeviceChanged | DeviceRemoved | OSError) -> None:
        """udev sends this."""
        self.events.append(event)
        os.write(self._writing, b"x")

    def pending(self) -> None:
        os.read(self._reading, 1)
        event = self.events.pop(0)
        if isinstance(event, OSError):
            raise event
        self.receive(event)

    def receive(self, event: DeviceChanged | DeviceRemoved) -> None:
        raise AssertionError("set by the engine")

    def silent(self) -> dict[str, float]:
        return {}

    def present(self) -> Enumerated:
        return Enumerated(tuple(self.devices))

    def look_again(self, name: str) -> Iterator[DeviceChanged]:
        found = self.looks.pop(0) if self.looks else None
        if found is not None:
            yield DeviceChanged(found)

    # Consoles

    def say(self, text: str) -> None:
        self.said += text.splitlines()

    def ask(self, prompt: str) -> None:
        self.prompts.append(prompt)
        if self.types:
            loop = asyncio.get_running_loop()
            loop.call_soon(self.typed, Secret(self.types.pop(0).encode()))

    def withdraw(self, reason: str) -> None:
        self.prompts.append(f"withdrawn: {reason}")

    def typed(self, secret: Secret) -> None:
        raise AssertionError("set by the engine")

    # The shell

    def open(self, stop: str = "") -> None:
        self.shells += 1
        self.said.append("the shell is open")

    def close(self) -> None:
        return

    # Mounts and the handover

    def mount(self, *how: object) -> tuple[int, str]:
        self.mounts.append(how)
        if self.mount_error[0] == 0:
            self.mounted = str(how[0])
        return self.mount_error

    def mounted_at(self, target: str) -> str | None:
        return self.mounted if target == SYSROOT else None

    def mounted_below(self, root: str) -> list[tuple[str, str]]:
        return [(SYSROOT, self.mounted)] if self.mounted is not None else []

    def find_init(self, root: str, asked: str | None) -> tuple[str, str]:
        if self.init is None:
            raise NoInitError("no init among /sbin/init on the root")
        return self.init

    def end(self) -> None:
        os.close(self._reading)
        os.close(self._writing)


class Inline(Aside):
    """Makes calls about the made-up world in this process, the others in children."""

    INLINE: tuple[str, ...] = ("mount ", "init ")

    def ask_all(
        self, calls: Mapping[str, Call], limit: float | None = None
    ) -> dict[str, asyncio.Future[Answer]]:
        mine = {key: call for key, call in calls.items() if key.startswith(self.INLINE)}
        others = {key: call for key, call in calls.items() if key not in mine}
        answers = super().ask_all(others, limit)
        for key, call in mine.items():
            answers[key] = asyncio.get_running_loop().create_future()
            answers[key].set_result(Answer(call()))
        return answers


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    """A world that the engine takes for the real one."""
    world = World()

    def consoles(typed: Callable[[Secret], None]) -> World:
        monkeypatch.setattr(world, "typed", typed)
        return world

    async def no_socket(*_: object) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(engine_module, "Journal", lambda: Journal(str(tmp_path / "journal")))

    def udev(_: Aside, receive: Callable[[DeviceChanged | DeviceRemoved], None]) -> World:
        monkeypatch.setattr(world, "receive", receive)
        return world

    monkeypatch.setattr(engine_module, "Udev", udev)
    monkeypatch.setattr(engine_module, "Consoles", consoles)
    monkeypatch.setattr(engine_module, "Shell", lambda *_: world)
    monkeypatch.setattr(mounting, "mount_first", world.mount)
    monkeypatch.setattr(mounting, "read_fstab", lambda _: world.fstab)
    monkeypatch.setattr(engine_module, "mounted_at", world.mounted_at)
    monkeypatch.setattr(engine_module, "mounted_below", world.mounted_below)
    monkeypatch.setattr(mounting, "find_init", world.find_init)
    monkeypatch.setattr(control, "serve", no_socket)
    yield world
    world.end()


def play(
    settings: Settings = ROOT,
    problems: tuple[InputError, ...] = (),
    then: Callable[[Engine], None] | None = None,
) -> list[str]:
    """Run the engine until it has given its last order; all its orders but the first."""
    reading, writing = os.pipe()

    async def run() -> None:
        engine = Engine(settings, parse_job_file("test.toml", JOBS).jobs, writing, Inline())
        if then is not None:
            asyncio.get_running_loop().call_later(0.05, then, engine)
        await asyncio.wait_for(engine.run(0.0, problems, {}), 5)

    try:
        asyncio.run(run())
    finally:
        os.close(writing)
        with open(reading, encoding="utf-8") as orders:
            first, *said = orders.read().splitlines()
    assert first == ALIVE
    return said


def test_a_root_that_is_there_is_mounted_and_handed_over(world: World) -> None:
    """R18."""
    world.devices = [file_system("sda")]
    settings = ROOT._replace(mount=RootMount((), ("noatime",), writable=True))
    assert play(settings) == HANDOVER
    assert world.mounts == [("/dev/sda", SYSROOT, ("ext4",), ("rw", "noatime"))]


def test_a_root_that_comes_later_is_noticed(world: World) -> None:
    """R2."""
    arrives = DeviceChanged(file_system("sda"))
    assert play(then=lambda _: world.happens(arrives)) == HANDOVER


def test_lost_events_are_made_up_for_by_looking_at_what_is_there(world: World) -> None:
    """R2: the kernel says ENOBUFS when its buffer was too small for a storm."""

    def lost(_: Engine) -> None:
        world.devices = [file_system("sda")]
        world.happens(OSError(errno.ENOBUFS, "lost"))

    assert play(then=lost) == HANDOVER


def test_an_engine_that_finds_the_root_mounted_hands_over(world: World) -> None:
    """R5: the one before it died in between."""
    world.mounted = "/dev/sda"
    world.devices = [file_system("sda")]
    assert play() == HANDOVER[1:]
    assert world.mounts == []


def test_a_volume_is_asked_for_until_it_opens(world: World) -> None:
    """R12: a wrong passphrase asks again at once."""
    world.devices = [disk("sda", ID_FS_TYPE="crypto_LUKS", ID_FS_USAGE="crypto", ID_FS_UUID="1")]
    world.types = ["wrong", "correct horse"]
    world.looks = [None, file_system("dm-0", ("sda",), DM_UUID="CRYPT-x", DM_NAME="luks-1")]
    assert play() == FROM_LAYERS
    assert [each.partition(",")[0] for each in world.prompts] == [
        "Passphrase for luks-1 (/dev/sda): ",
        "Passphrase for luks-1 (/dev/sda",
    ]
    assert "initpy: luks-1: wrong passphrase" in world.said
    assert "initpy: luks-1: unlocked" in world.said


def test_no_passphrase_is_in_the_journal(world: World, tmp_path: Path) -> None:
    """R14."""
    test_a_volume_is_asked_for_until_it_opens(world)
    journal = (tmp_path / "journal").read_text()
    assert '"kind": "Answered"' in journal
    assert "horse" not in journal.replace("= 'correct horse'", "")  # the job's own script


def test_a_disk_that_is_unplugged_at_the_prompt_takes_it_away(world: World) -> None:
    world.devices = [disk("sda", ID_FS_TYPE="crypto_LUKS", ID_FS_USAGE="crypto", ID_FS_UUID="1")]

    def unplug(_: Engine) -> None:
        world.happens(DeviceRemoved("sda"))
        world.happens(DeviceChanged(file_system("sdb")))

    assert play(then=unplug) == HANDOVER
    assert world.prompts[-1] == "withdrawn: sda is gone"


def test_malformed_input_is_told_and_the_boot_goes_on(world: World) -> None:
    world.devices = [file_system("sda")]
    problem = InputError("command line: rd.timeout", "soon", "a number of seconds, 0 or more")
    assert play(problems=(problem,)) == HANDOVER
    assert (
        "initpy: command line: rd.timeout: 'soon': expected a number of seconds, 0 or more"
        in world.said
    )


def test_an_init_that_had_to_be_replaced_is_told(world: World) -> None:
    world.devices = [file_system("sda")]
    world.init = ("/bin/sh", "init=/opt/init is not an executable file on the root file system")
    assert play()[-1] == "switch-root\0/sysroot\0/bin/sh"
    assert any("init=/opt/init is not" in each and "/bin/sh is used" in each for each in world.said)


def test_a_root_without_an_init_is_a_failure_with_screen_and_shell(world: World) -> None:
    """R23, R24."""
    world.devices = [file_system("sda")]
    world.init = None

    async def look(engine: Engine) -> None:
        while not world.shells:
            await asyncio.sleep(0.01)
        assert "initpy: no init among /sbin/init on the root" in world.said
        assert world.shells == 1
        engine._life.order("end", "halt")

    assert play(then=lambda engine: engine._life.spawn(look(engine)))[-1] == "end\0halt"


def test_a_root_that_does_not_come_ends_as_the_command_line_asks(world: World) -> None:
    """R24, R25: panic=."""
    settings = ROOT._replace(
        root_wait=0.05, grace=0.0, shell=False, emergency=Emergency.REBOOT, emergency_delay=0.05
    )
    assert play(settings) == ["end\0reboot"]
    assert world.shells == 0
    assert any("the root device has not turned up: LABEL=root" in each for each in world.said)


def test_a_full_run_costs_the_status_command_and_nothing_else(world: World) -> None:
    """R26."""
    world.devices = [file_system("sda")]
    assert play() == HANDOVER
    assert any("No space left on device" in each for each in world.said)


def test_a_quiet_boot_says_only_what_a_user_must_know(world: World) -> None:
    world.devices = [file_system("sda")]
    play(ROOT._replace(quiet=True))
    assert [each for each in world.said if "control socket" not in each] == []


def test_status_is_the_tree_as_it_is_now(world: World) -> None:
    """R6: every wait is shown by `initpy status`."""
    shown: list[str] = []

    async def ask(engine: Engine) -> None:
        shown.append(await engine.status())
        world.happens(DeviceChanged(file_system("sda")))

    play(then=lambda engine: engine._life.spawn(ask(engine)))
    assert shown[0].startswith("- root LABEL=root: waiting")
    assert "s left)" in shown[0]


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A device that does not answer: open(2) of a FIFO hangs without a writer."""
    monkeypatch.setattr(findings, "SOON", 0.3)
    folder = Path(tempfile.mkdtemp(prefix="initpy-", dir="/dev/shm"))
    os.mkfifo(folder / "silent")
    yield folder / "silent"
    shutil.rmtree(folder)


def wakes(fifo: Path) -> None:
    os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))


NO_ROOT = ROOT._replace(root_wait=0.05, grace=0.0)


def test_a_disk_that_does_not_answer_costs_neither_screen_nor_shell(
    world: World, silent: Path
) -> None:
    """Fault 3: the engine hung, was killed after a minute, and hung again."""
    world.devices = [disk("sda", DEVNAME=str(silent)), disk("sdb", DEVNAME="/dev/null")]

    async def look(engine: Engine) -> None:
        while not world.shells:
            await asyncio.sleep(0.01)
        status = await engine.status()
        assert "could not be read: no answer within" in " ".join(status.split())
        assert (await engine.request(RetryAsked))[0]
        world.happens(DeviceChanged(file_system("sdc")))

    assert play(NO_ROOT, then=lambda engine: engine._life.spawn(look(engine))) == HANDOVER
    said = " ".join(" ".join(world.said).split())
    assert f"{silent}: ready no known content; could not be read: no answer within 0 s" in said
    assert "====" in said[: said.index("the shell is open")]


def test_what_is_found_out_after_the_screen_is_told(world: World, silent: Path) -> None:
    world.devices = [disk("sda", DEVNAME=str(silent))]

    def answers(node: str) -> str:
        Path(node).read_bytes()
        return "a damaged LUKS header"

    async def look(engine: Engine) -> None:
        while not world.shells:
            await asyncio.sleep(0.01)
        wakes(silent)
        while not any("damaged" in each for each in world.said):
            await asyncio.sleep(0.01)
        world.happens(DeviceChanged(file_system("sdc")))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(findings, "_remnant", answers)
        assert play(NO_ROOT, then=lambda engine: engine._life.spawn(look(engine))) == HANDOVER
    assert world.said.index(f"initpy: {silent}: a damaged LUKS header") > world.said.index(
        "the shell is open"
    )


def test_what_comes_after_the_screen_is_shown_after_it(world: World, silent: Path) -> None:
    """R25: the user must be able to read why the machine restarts."""
    world.devices = [disk("sda", DEVNAME=str(silent))]
    settings = NO_ROOT._replace(shell=False, emergency=Emergency.REBOOT, emergency_delay=0.05)
    assert play(settings) == ["end\0reboot"]
    screen = next(n for n, each in enumerate(world.said) if "has not turned up" in each)
    assert screen < world.said.index("initpy: reboot in 0 s, unless the root turns up")
    assert "reboot now" in world.said[-1]


def test_a_root_that_does_not_answer_is_waited_for_in_vain_but_not_for_ever(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that pauses at the handover; the engine goes on meanwhile."""
    monkeypatch.setattr(mounting, "NOTICE_SECONDS", 0.1)
    monkeypatch.setattr(mounting, "MOST_NOTICES", 3)
    monkeypatch.setattr(mounting, "find_init", lambda *_: time.sleep(60))
    monkeypatch.setattr(Inline, "INLINE", ("mount ",))
    world.devices = [file_system("sda")]

    async def look(engine: Engine) -> None:
        while not world.shells:
            await asyncio.sleep(0.01)
        engine._life.order("end", "halt")

    assert play(then=lambda engine: engine._life.spawn(look(engine)))[-1] == "end\0halt"
    waits = [each for each in world.said if "has not answered" in each]
    assert waits[:2] == [
        "initpy: the root file system has not answered for 0 s: waiting for it",
        "initpy: the root file system has not answered for 0 s: waiting for it",
    ]
    assert waits[2] == "initpy: the root file system has not answered for 0 s"


def test_r5_a_root_that_was_mounted_before_and_does_not_answer_hangs_no_engine(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mounting, "FSTAB_SECONDS", 0.2)
    monkeypatch.setattr(mounting, "read_fstab", lambda _: time.sleep(60))
    world.mounted = "/dev/sda"
    world.devices = [file_system("sda")]
    assert play() == HANDOVER[1:]
    assert any("its fstab could not be read within" in each for each in world.said)


def test_the_root_s_fstab_tells_what_is_mounted_below_it(world: World) -> None:
    """R18."""
    world.fstab = "LABEL=usr /usr ext4 ro\n"
    world.devices = [file_system("sda")]
    shown: list[str] = []

    async def look(engine: Engine) -> None:
        shown.append(await engine.status())
        engine._life.order("end", "halt")

    play(then=lambda engine: engine._life.spawn(look(engine)))
    assert "/usr" in shown[0]


def test_a_bug_ends_the_engine_so_that_it_is_started_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R5."""

    def broken(*_: object) -> tuple[int, str]:
        raise RuntimeError("a bug")

    monkeypatch.setattr(mounting, "mount_first", broken)
    world.devices = [file_system("sda")]
    with pytest.raises(RuntimeError, match="a bug"):
        play()


def test_files_that_are_not_there_are_nothing(tmp_path: Path) -> None:
    (tmp_path / "crypttab").write_bytes(b"\xff\n")
    assert start.read(str(tmp_path / "missing")) is None
    assert start.read(str(tmp_path / "crypttab")) == "\udcff\n"
