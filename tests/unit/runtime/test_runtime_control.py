"""`initpy status` asks the engine through its socket; no request can harm it."""

import asyncio
import io
import json
import os
import socket
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from initpy.cli import asking, main
from initpy.core.events import Event, KeyGiven
from initpy.runtime import control

Complaints = list[dict[str, object]]


class Engine:
    """Stands for the engine: keeps the requests."""

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
    """Serve, send each of `asks` and hang up at once, then run the command."""
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
def test_a_user_who_hangs_up_does_not_end_the_engine(path: Path, ask: bytes) -> None:
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


def test_a_child_forked_meanwhile_has_the_usual_mask(path: Path) -> None:
    """The child that mounts would make folders that only root may enter."""
    engine, seen = Engine(), []

    def look() -> None:
        seen.append(os.umask(0o022))
        os.umask(seen[-1])

    async def run() -> None:
        asyncio.get_running_loop().call_soon(look)
        server = await control.serve(engine.status, engine.ask, str(path))
        server.close()
        await server.wait_closed()

    before = os.umask(0o022)
    try:
        asyncio.run(run())
    finally:
        os.umask(before)
    assert seen == [0o022]


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
def test_a_request_becomes_an_event(
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


class Slow(Engine):
    """An engine whose core answers each request after a while, or never."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds, self.cancelled = seconds, 0

    async def ask(self, make: Callable[[int], Event]) -> tuple[bool, str]:
        self.events.append(make(1))
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return True, "done at last"


@pytest.fixture
def pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten all limits."""
    monkeypatch.setattr(control, "PROGRESS_SECONDS", 0.2)
    monkeypatch.setattr(asking, "PATIENCE", 1.0)
    monkeypatch.setattr(asking, "REPORT_EVERY", 1)


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"hush\n")))


def test_what_takes_long_is_waited_for_and_the_user_is_told(
    path: Path, pace: None, key: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Deriving a key may take minutes: longer than an engine that hangs is waited for."""
    assert serve(path, Slow(2.2), command=("unlock", "crypt")) == (0, [])
    said = capsys.readouterr()
    assert said.out == "done at last\n"
    assert "initpy: not answered after 1 s; `initpy status` shows what goes on, Ctrl-C" in said.err
    assert "hush" not in said.err + said.out


@pytest.mark.parametrize("command", [("retry",), ("wait", "5"), ("unlock", "crypt")])
def test_an_answer_that_never_comes_is_not_waited_for_for_ever(
    path: Path,
    pace: None,
    key: None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
) -> None:
    """Fault 10, whatever the core does."""
    monkeypatch.setattr(control, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(control, "UNLOCK_SECONDS", 0.5)
    engine = Slow(60)
    assert serve(path, engine, command=command) == (1, [])
    assert "initpy: the request was made, but has no result after 0 s" in capsys.readouterr().err
    assert engine.cancelled == 1


@pytest.mark.parametrize("command", [("status",), ("retry",), ("wait", "5"), ("unlock", "crypt")])
def test_an_engine_that_hangs_is_not_waited_for(
    path: Path,
    pace: None,
    key: None,
    capsys: pytest.CaptureFixture[str],
    command: tuple[str, ...],
) -> None:
    """Its socket is there, and gives no answer."""
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(str(path))
        hung.listen()
        started = time.monotonic()
        assert main(list(command)) == 1
    assert time.monotonic() - started < 30
    said = capsys.readouterr().err
    assert "the engine has not answered for 1 s: it hangs. Process 1 starts another one" in said


def test_an_engine_that_ends_meanwhile_is_told(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def end(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        connection.recv(100)
        connection.close()

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        thread = threading.Thread(target=end, args=(listening,))
        thread.start()
        assert main(["retry"]) == 1
        thread.join()
    assert capsys.readouterr().err == "initpy: the engine has ended; try again\n"


def test_hanging_up_cancels_the_wait_for_the_answer(path: Path, pace: None) -> None:
    """Ctrl-C: nothing piles up in the engine."""
    engine = Slow(60)

    async def run() -> None:
        server = await control.serve(engine.status, engine.ask, str(path))
        for _ in range(3):
            _, writer = await asyncio.open_unix_connection(str(path))
            writer.write(b"retry\n")
            await writer.drain()
            await asyncio.sleep(0.05)
            writer.close()
        while engine.cancelled < 3:
            await asyncio.sleep(0.01)
        server.close()

    asyncio.run(asyncio.wait_for(run(), 10))


def test_two_that_ask_at_once_both_get_an_answer(path: Path, pace: None) -> None:
    """Fault 10."""
    engine = Slow(0.5)

    async def ask(word: bytes) -> bytes:
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(word)
        answer = await reader.read()
        writer.close()
        return answer

    async def run() -> tuple[bytes, bytes]:
        server = await control.serve(engine.status, engine.ask, str(path))
        try:
            return await asyncio.gather(ask(b"unlock 4 a\nhush"), ask(b"unlock 4 a\nhush"))
        finally:
            server.close()

    answers = asyncio.run(asyncio.wait_for(run(), 10))
    assert [each.splitlines()[-2:] for each in answers] == [[b"ok", b"done at last"]] * 2


def test_half_a_request_is_not_waited_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "REQUEST_SECONDS", 0.1)
    engine = Engine()

    async def ask(word: bytes) -> bytes:
        server = await control.serve(engine.status, engine.ask, str(path))
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(word)
        answer = await reader.read()
        writer.close()
        server.close()
        return answer

    for word in (b"unlock 9 a\nhush", b"stat"):
        assert asyncio.run(asyncio.wait_for(ask(word), 10)).startswith(b"no\nnot understood")
    assert engine.events == []


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
