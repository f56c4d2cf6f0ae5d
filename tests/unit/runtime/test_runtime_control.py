"""`initpy status` asks the engine through its socket; nobody who asks can harm it."""

import asyncio
import io
import json
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from initpy.cli import asking, main
from initpy.core.events import Event, KeyGiven
from initpy.runtime import control

Complaints = list[dict[str, object]]


class Engine:
    """Stands for the engine: keeps what people ask for."""

    def __init__(self, tree: str = "tree", verdict: tuple[bool, str] = (True, "done")) -> None:
        self.tree, self.verdict = tree, verdict
        self.events: list[Event] = []

    async def status(self, as_json: bool) -> str:
        return f"json {self.tree}" if as_json else self.tree

    async def ask(self, make: Callable[[int], Event]) -> tuple[bool, str]:
        self.events.append(make(1))
        return self.verdict


def serve(
    path: Path, engine: Engine, *asks: bytes, command: tuple[str, ...] = ()
) -> tuple[int, Complaints]:
    """Serve, send each of `asks` by people who hang up at once, then run the command."""
    complaints: Complaints = []

    def hang_up(ask: bytes) -> None:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            connection.sendall(ask)

    async def run() -> int:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        server = await control.serve(engine.status, engine.ask, str(path))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        for ask in asks:
            await asyncio.to_thread(hang_up, ask)
        returned = await asyncio.to_thread(main, list(command)) if command else 0
        await asyncio.sleep(0.01)
        server.close()
        await server.wait_closed()
        return returned

    return asyncio.run(run()), complaints


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the socket is to be."""
    monkeypatch.setattr(asking, "SOCKET", str(tmp_path / "control"))
    return tmp_path / "control"


def test_status_prints_the_tree(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """R24: `initpy status` works in the shell."""
    assert serve(path, Engine("- root LABEL=ö: waiting"), command=("status",)) == (0, [])
    assert capsys.readouterr().out == "- root LABEL=ö: waiting\n"


def test_a_tree_with_bytes_that_are_no_text_can_be_printed(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """root= may hold any byte."""
    assert serve(path, Engine("- root LABEL=\udcff: waiting"), command=("status",)) == (0, [])
    assert capsys.readouterr().out == "- root LABEL=?: waiting\n"


@pytest.mark.parametrize(
    "ask",
    [b"", b"status\n", b"stat", b"x" * 100_000, b"\xff\n", b"unlock 9 a\nshort", b"wait nan\n"],
)
def test_people_who_hang_up_do_not_end_the_engine(path: Path, ask: bytes) -> None:
    """Ctrl-C on `initpy status`: an exception here would end the engine."""
    assert serve(path, Engine("tree\n" * 100_000), ask, ask) == (0, [])


def test_another_word_is_answered_with_what_is_understood(path: Path) -> None:
    engine = Engine()

    async def ask() -> bytes:
        server = await control.serve(engine.status, engine.ask, str(path))
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b"reboot\n")
        answer = await reader.read()
        writer.close()
        server.close()
        return answer

    answer = asyncio.run(ask())
    assert answer.startswith(b"no\nnot understood ('reboot'); expected status [json], retry,")
    assert engine.events == []


def test_the_socket_of_an_engine_that_died_is_replaced(path: Path) -> None:
    """R5."""
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(path))
    assert serve(path, Engine(), b"status\n") == (0, [])


def test_without_an_engine_the_command_says_where_it_works(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status"]) == 1
    complaint = capsys.readouterr().err
    assert f"no engine answers on {path}: No such file or directory" in complaint
    assert "works inside the initramfs" in complaint


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (("retry",), "RetryAsked(request=1)"),
        (("wait", "300"), "WaitAsked(request=1, seconds=300.0)"),
        (("wait", "forever"), "WaitAsked(request=1, seconds=None)"),
    ],
)
def test_what_people_ask_for_becomes_an_event(
    path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], asked: str
) -> None:
    """R24: the core decides."""
    engine = Engine()
    assert serve(path, engine, command=words) == (0, [])
    assert str(*engine.events) == asked
    assert capsys.readouterr().out == "done\n"


@pytest.mark.parametrize("key", [b"correct horse", bytes(range(256))])
def test_a_key_goes_through_the_socket(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], key: bytes
) -> None:
    """R14: never an argument."""
    (tmp_path / "key").write_bytes(key)
    engine = Engine(verdict=(False, "vda: that does not open it"))
    words = ("unlock", "my crypt", "--key-file", str(tmp_path / "key"))
    assert serve(path, engine, command=words) == (1, [])
    [event] = engine.events
    assert isinstance(event, KeyGiven)
    assert (event.volume, bytes(event.secret.reveal())) == ("my crypt", key)
    assert capsys.readouterr().err == "initpy: vda: that does not open it\n"


def test_a_passphrase_may_come_through_a_pipe(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = io.TextIOWrapper(io.BytesIO("pass wörd \nmore".encode()))
    monkeypatch.setattr("sys.stdin", typed)
    engine = Engine()
    assert serve(path, engine, command=("unlock",)) == (0, [])
    [event] = engine.events
    assert isinstance(event, KeyGiven)
    assert (event.volume, bytes(event.secret.reveal())) == ("", "pass wörd ".encode())


@pytest.mark.parametrize("time", ["0", "-5", "soon", "1.5"])
def test_a_time_that_is_none_is_named(
    path: Path, capsys: pytest.CaptureFixture[str], time: str
) -> None:
    with pytest.raises(SystemExit):
        main(["wait", "--", time])
    assert "expected a number of seconds, or forever" in capsys.readouterr().err


def test_status_for_programs(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert serve(path, Engine('{"now": 1}'), command=("status", "--json")) == (0, [])
    assert json.loads(capsys.readouterr().out.removeprefix("json")) == {"now": 1}
