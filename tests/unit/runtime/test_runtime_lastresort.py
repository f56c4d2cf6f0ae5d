"""When the engine cannot be kept alive, the machine ends as the command line asks."""

import io
import os
import subprocess
import sys
import time

import pytest

from initpy.runtime import lastresort, power


class World:
    """Records what would happen to the machine."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def sleep(self, seconds: float) -> None:
        self.done.append(f"sleep {seconds:g}")

    def end(self, how: str) -> None:
        self.done.append(how)

    def spawn(self, program: str, argv: list[str], environment: dict[str, str]) -> int:
        self.done.append(" ".join(argv))
        return 4711


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    monkeypatch.setattr(time, "sleep", world.sleep)
    monkeypatch.setattr(power, "end", world.end)
    monkeypatch.setattr(os, "posix_spawn", world.spawn)
    return world


def give_up(command_line: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Give up on a machine that was started with this command line."""
    monkeypatch.setattr(power, "open", lambda *_, **__: io.StringIO(command_line), False)
    return lastresort.give_up()


@pytest.mark.parametrize(
    ("command_line", "done"),
    [
        ("panic=5", [*["sleep 1"] * 5, "reboot"]),
        ("panic=-1", ["reboot"]),
        ("rd.emergency=reboot", [*["sleep 1"] * 10, "reboot"]),
        ("rd.emergency=poweroff", [*["sleep 1"] * 10, "poweroff"]),
        ("rd.emergency=halt panic=2", [*["sleep 1"] * 2, "halt"]),
        ("rd.shell=0", []),
        ("rd.shell=1 rd.shell=Off", []),
    ],
)
def test_there_is_no_shell_where_it_is_ruled_out(
    world: World, monkeypatch: pytest.MonkeyPatch, command_line: str, done: list[str]
) -> None:
    """R24, R25: `panic=`, `rd.emergency=`, `rd.shell=0`."""
    assert give_up(command_line, monkeypatch) == 0
    assert world.done == done


@pytest.mark.parametrize(
    ("words", "key", "done", "shell"),
    [("initpy.tries=1", False, ["reboot"], 4711), ("initpy.tries=1", True, [], 4711),
     ("initpy.tries=0 rd.shell=0", False, ["reboot"], 0), ("initpy.tries=no", False, [], 4711),
     ("initpy.tries=1 initpy.recovery panic=1 rd.shell=0", False, [], 4711),
     ("initpy.tries=1 panic=1", True, ["sleep 1", "reboot"], 0)],
)  # fmt: skip
def test_a_counted_boot_restarts_unless_a_key_is_pressed(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    words: str,
    key: bool,
    done: list[str],
    shell: int,
) -> None:
    """The end of the machine returns here, as the real one does if it fails."""
    monkeypatch.setattr(power, "no_key", lambda seconds: not key)
    assert give_up(words, monkeypatch) == shell
    assert [each for each in world.done if "busybox" not in each] == done


def test_otherwise_a_shell_with_sane_terminal_settings(
    world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert give_up("rd.shell=0 rd.shell quiet -- panic=5", monkeypatch) == 4711
    assert world.done == ["/usr/bin/busybox stty sane", "busybox setsid -c busybox sh -i"]
    screen = capfd.readouterr().err
    assert "This is a bug of initpy." in screen
    assert max(map(len, screen.splitlines())) <= 76 + len("initpy: ")


def test_without_a_busybox_the_engine_is_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def missing(*_: object) -> int:
        raise FileNotFoundError(2, os.strerror(2))

    monkeypatch.setattr(os, "posix_spawn", missing)
    assert give_up("", monkeypatch) == 0
    assert "cannot run /usr/bin/busybox: No such file or directory" in capfd.readouterr().err


def test_it_needs_nothing_that_the_engine_does() -> None:
    """What the engine imports may be what has failed."""
    script = (
        "import sys, initpy.runtime.lastresort; "
        "print(*(n for n in sys.modules if n.startswith('initpy') or n == 'asyncio'))"
    )
    names = subprocess.check_output([sys.executable, "-c", script], text=True).split()
    assert "asyncio" not in names
    assert not [each for each in names if each.startswith(("initpy.core", "initpy.config"))]


ALONE = """
import io, os, sys
from initpy.runtime import lastresort, power
class Broken:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("initpy"):
            raise ImportError(f"{name} is what has failed")
sys.meta_path.insert(0, Broken())
power.open = lambda *_, **__: io.StringIO("quiet root=LABEL=r")
os.posix_spawn = lambda *_: 4711
sys.exit(0 if lastresort.give_up() == 4711 else 1)
"""


def test_there_is_a_shell_though_no_other_module_can_be_imported() -> None:
    """Fault 14: the parser of the command line was needed, and may be what has failed."""
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
