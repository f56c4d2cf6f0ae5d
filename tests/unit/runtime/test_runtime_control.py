"""`initpy status` asks the engine through its socket; nobody who asks can harm it."""

import asyncio
import socket
import stat
from pathlib import Path

import pytest

from initpy.cli import main
from initpy.cli import status as status_command
from initpy.runtime import control

Complaints = list[dict[str, object]]


def serve(path: Path, answer: str, *asks: bytes, command: bool = False) -> tuple[int, Complaints]:
    """Serve `answer`, send each of `asks` by people who hang up at once, then run the command."""
    complaints: Complaints = []

    def hang_up(ask: bytes) -> None:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            connection.sendall(ask)

    async def run() -> int:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        server = await control.serve(lambda: answer, str(path))
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        for ask in asks:
            await asyncio.to_thread(hang_up, ask)
        returned = await asyncio.to_thread(main, ["status"]) if command else 0
        await asyncio.sleep(0.01)
        server.close()
        await server.wait_closed()
        return returned

    return asyncio.run(run()), complaints


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the socket is to be."""
    monkeypatch.setattr(status_command, "SOCKET", str(tmp_path / "control"))
    return tmp_path / "control"


def test_status_prints_the_tree(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """R24: `initpy status` works in the shell."""
    assert serve(path, "- root LABEL=ö: waiting", command=True) == (0, [])
    assert capsys.readouterr().out == "- root LABEL=ö: waiting\n"


def test_a_tree_with_bytes_that_are_no_text_can_be_printed(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """root= may hold any byte."""
    assert serve(path, "- root LABEL=\udcff: waiting", command=True) == (0, [])
    assert capsys.readouterr().out == "- root LABEL=?: waiting\n"


@pytest.mark.parametrize("ask", [b"", b"status\n", b"stat", b"x" * 100_000, b"\xff\n"])
def test_people_who_hang_up_do_not_end_the_engine(path: Path, ask: bytes) -> None:
    """Ctrl-C on `initpy status`: an exception here would end the engine."""
    assert serve(path, "tree\n" * 100_000, ask, ask) == (0, [])


def test_another_word_is_answered_with_what_is_understood(path: Path) -> None:
    async def ask() -> bytes:
        server = await control.serve(lambda: "tree", str(path))
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b"reboot\n")
        answer = await reader.read()
        writer.close()
        server.close()
        return answer

    assert asyncio.run(ask()) == b"not understood: b'reboot'; expected 'status'\n"


def test_the_socket_of_an_engine_that_died_is_replaced(path: Path) -> None:
    """R5."""
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(path))
    assert serve(path, "tree", b"status\n") == (0, [])


def test_without_an_engine_the_command_says_where_it_works(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status"]) == 1
    complaint = capsys.readouterr().err
    assert f"no engine answers on {path}: No such file or directory" in complaint
    assert "works inside the initramfs" in complaint
