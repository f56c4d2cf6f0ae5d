"""The consoles, on real pseudo terminals: the test is the user on the other side."""

import asyncio
import os
import re
import termios
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from initpy.core.secret import Secret
from initpy.runtime import console as consoles_module
from initpy.runtime import terminals as terminals_module
from initpy.runtime.console import Consoles


class Terminal:
    """A pseudo terminal: `type` is the keyboard, `shows` the screen."""

    def __init__(self) -> None:
        self.keyboard, self._tty = os.openpty()
        os.set_blocking(self.keyboard, False)
        self.path = os.ttyname(self._tty)
        self._screen = ""

    def type(self, keys: str) -> None:
        os.write(self.keyboard, keys.encode())

    def screen(self) -> str:
        """All that has been shown so far."""
        try:
            while data := os.read(self.keyboard, 65536):
                self._screen += data.decode().replace("\r\n", "\n")
        except BlockingIOError:
            pass
        return self._screen

    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self._tty)[3] & termios.ECHO)

    def unplug(self) -> None:
        os.close(self.keyboard)
        self.keyboard = -1

    def close(self) -> None:
        if self.keyboard >= 0:
            os.close(self.keyboard)
        os.close(self._tty)


class Room:
    """Terminals, the consoles on them, and the answers that arrived."""

    def __init__(self, *terminals: Terminal) -> None:
        self.terminals = terminals
        self.answers: list[str] = []
        self.consoles = Consoles(self._answered)

    def _answered(self, secret: Secret) -> None:
        self.answers.append(secret.reveal().decode())

    @property
    def terminal(self) -> Terminal:
        return self.terminals[-1]

    async def until(self, true: Callable[[], bool]) -> None:
        """Let things happen until this is so."""
        limit = time.monotonic() + 5
        while not true():
            assert time.monotonic() < limit, (self.answers, [t.screen() for t in self.terminals])
            await asyncio.sleep(0.001)

    async def shows(self, text: str, terminal: Terminal | None = None) -> None:
        shown = terminal or self.terminal
        await self.until(lambda: text in shown.screen())

    async def answered(self, *answers: str) -> None:
        await self.until(lambda: self.answers == list(answers))


Play = Callable[[Callable[[Room], Awaitable[None]], int], None]


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Plays a scene in a room with so many terminals."""

    def played(scene: Callable[[Room], Awaitable[None]], number: int = 1) -> None:
        terminals = [Terminal() for _ in range(number)]
        active = tmp_path / "active"
        active.write_text(" ".join(each.path.removeprefix("/dev/") for each in terminals) + "\n")
        monkeypatch.setattr(terminals_module, "ACTIVE", str(active))

        async def run() -> None:
            room = Room(*terminals)
            try:
                await asyncio.wait_for(scene(room), 10)
            finally:
                descriptors = [each.descriptor for each in room.consoles._consoles]
                for descriptor in descriptors:
                    asyncio.get_running_loop().remove_reader(descriptor)
                    asyncio.get_running_loop().remove_writer(descriptor)
                    os.close(descriptor)

        try:
            asyncio.run(run())
        finally:
            for each in terminals:
                each.close()

    return played


def test_what_is_typed_answers_the_prompt_and_is_never_shown(play: Play) -> None:
    """R12, R14."""

    async def scene(room: Room) -> None:
        room.consoles.ask("Passphrase for c (/dev/sda): ")
        await room.shows("Passphrase for c (/dev/sda): ")
        room.terminal.type("correct horse\r")
        await room.answered("correct horse")
        assert room.terminal.screen() == "Passphrase for c (/dev/sda): \n"

    play(scene, 1)


@pytest.mark.parametrize("asked_before", [True, False])
def test_a_console_that_comes_late_has_the_prompt_too(play: Play, asked_before: bool) -> None:
    """R12: its driver is a module (hvc0); the preferred one stays so."""

    async def scene(room: Room) -> None:
        late, first = room.terminals
        names = Path(terminals_module.ACTIVE).read_text()
        Path(terminals_module.ACTIVE).write_text(first.path.removeprefix("/dev/"))
        room.consoles = Consoles(room._answered)
        if asked_before:
            room.consoles.ask("Passphrase: ")
        Path(terminals_module.ACTIVE).write_text(names)
        if asked_before:
            room.consoles.look_again()
        else:
            room.consoles.ask("Passphrase: ")
        await room.shows("Passphrase: ", late)
        late.type("correct\n")
        await room.answered("correct")
        assert late.screen() == first.screen() == "Passphrase: \n"
        assert room.consoles.preferred is not None
        assert room.consoles.preferred.path == first.path

    play(scene, 2)


def test_what_is_typed_before_the_prompt_answers_it(play: Play) -> None:
    """R12: a typed character is never lost."""

    async def scene(room: Room) -> None:
        room.terminal.type("corr")
        await asyncio.sleep(0.01)
        room.consoles.ask("Passphrase: ")
        room.terminal.type("ect\n")
        await room.answered("correct")
        assert "corr" not in room.terminal.screen()

    play(scene, 1)


def test_two_lines_typed_ahead_answer_two_prompts(play: Play) -> None:
    """Both may come with one read."""

    async def scene(room: Room) -> None:
        room.terminal.type("wrong\nright\nmo")
        room.consoles.ask("Passphrase: ")
        await room.answered("wrong")
        await asyncio.sleep(0.01)
        room.consoles.say("initpy: c: wrong passphrase")
        room.consoles.ask("Passphrase again: ")
        await room.answered("wrong", "right")
        room.consoles.ask("Passphrase, third: ")
        room.terminal.type("re\n")
        await room.answered("wrong", "right", "more")

    play(scene, 1)


def test_a_prompt_that_follows_at_once_is_answered_after_its_event(play: Play) -> None:
    """The core asks for the next volume while it deals with the answer to the first."""

    async def scene(room: Room) -> None:
        answers: list[str] = []

        def answered(secret: Secret) -> None:
            answers.append(f"got {secret.reveal().decode()}")
            if len(answers) == 1:
                consoles.ask("Second: ")
                answers.append("asked")

        consoles = Consoles(answered)
        room.terminal.type("one\ntwo\n")
        consoles.ask("First: ")
        await room.until(lambda: answers == ["got one", "asked", "got two"])
        for each in consoles._consoles:
            os.close(each.descriptor)

    play(scene, 1)


def test_a_message_leaves_the_prompt_below_it_and_what_was_typed_of_it(play: Play) -> None:
    async def scene(room: Room) -> None:
        room.consoles.ask("Passphrase: ")
        room.terminal.type("corr")
        await asyncio.sleep(0.01)
        room.consoles.say("initpy: md0: found\ninitpy: sdb: found")
        await room.shows("Passphrase: \ninitpy: md0: found\ninitpy: sdb: found\nPassphrase: ")
        room.terminal.type("ect\n")
        await room.answered("correct")

    play(scene, 1)


def test_a_prompt_that_is_withdrawn_says_why_and_forgets_what_was_typed_of_it(play: Play) -> None:
    """R10, R11: another source was quicker."""

    async def scene(room: Room) -> None:
        room.consoles.ask("Passphrase: ")
        room.terminal.type("half")
        await asyncio.sleep(0.01)
        room.consoles.withdraw("c is being unlocked")
        await room.shows("Passphrase: \ninitpy: c is being unlocked\n")
        room.consoles.ask("Another: ")
        room.terminal.type("whole\n")
        await room.answered("whole")

    play(scene, 1)


def test_nothing_to_withdraw_says_nothing(play: Play) -> None:
    async def scene(room: Room) -> None:
        room.consoles.withdraw("no reason")
        await asyncio.sleep(0.01)
        assert room.terminal.screen() == ""

    play(scene, 1)


def test_a_prompt_is_on_all_consoles_and_the_first_answer_counts(play: Play) -> None:
    """R12: prompts are broadcast to all."""

    async def scene(room: Room) -> None:
        first, second = room.terminals
        room.consoles.ask("Passphrase: ")
        await room.shows("Passphrase: ", first)
        await room.shows("Passphrase: ", second)
        first.type("one\n")
        await room.answered("one")
        second.type("two\n")
        await asyncio.sleep(0.01)
        assert room.answers == ["one"]
        await room.shows("Passphrase: \n", second)
        room.consoles.ask("Next: ")
        await room.answered("one", "two")

    play(scene, 2)


def test_the_preferred_console_is_the_last_one(play: Play) -> None:
    """Documentation/ABI/testing/sysfs-tty: it is the one behind /dev/console."""

    async def scene(room: Room) -> None:
        preferred = room.consoles.preferred
        assert preferred is not None
        assert preferred.path == room.terminals[1].path

    play(scene, 2)


def test_a_console_lent_to_the_shell_echoes_and_is_not_read(play: Play) -> None:
    """R24: the boot goes on beside the shell."""

    async def scene(room: Room) -> None:
        other, preferred = room.terminals
        console = room.consoles.preferred
        assert console is not None
        assert not preferred.echoes()
        room.consoles.lend(console)
        assert preferred.echoes()
        room.consoles.ask("Passphrase: ")
        await room.shows("initpy: Passphrase: (`initpy unlock` takes it", preferred)
        preferred.type("ls\n")
        await asyncio.sleep(0.02)
        assert room.answers == []
        other.type("from the other\n")
        await room.answered("from the other")

    play(scene, 2)


def test_a_console_taken_back_asks_again_unseen(play: Play) -> None:
    async def scene(room: Room) -> None:
        console = room.consoles.preferred
        assert console is not None
        room.consoles.ask("Passphrase: ")
        room.consoles.lend(console)
        room.consoles.take_back(console)
        assert not room.terminal.echoes()
        await room.until(lambda: room.terminal.screen().endswith("Passphrase: "))
        room.terminal.type("secret\n")
        await room.answered("secret")
        assert "secret" not in room.terminal.screen()

    play(scene, 1)


def test_a_console_that_is_unplugged_does_not_disturb_the_others(play: Play) -> None:
    async def scene(room: Room) -> None:
        gone, left = room.terminals
        room.consoles.ask("Passphrase: ")
        gone.unplug()
        await asyncio.sleep(0.01)
        room.consoles.say("initpy: goes on")
        left.type("secret\n")
        await room.answered("secret")
        room.consoles.ask("Next: ")
        await room.shows("Next: ", left)

    play(scene, 2)


def test_a_stuck_console_stops_nothing_and_shows_later_what_it_missed(play: Play) -> None:
    async def scene(room: Room) -> None:
        started = time.monotonic()
        for number in range(1000):
            room.consoles.say(f"line {number:4} " + "." * 60)
        assert time.monotonic() - started < 30
        await room.until(lambda: len(room.terminal.screen()) > 50_000)
        room.consoles.say("the end")
        await room.shows("the end")
        shown = [int(each) for each in re.findall(r"line +(\d+)", room.terminal.screen())]
        assert shown == list(range(len(shown)))  # in order, without a gap; the rest was too much

    play(scene, 1)


def test_closing_does_not_wait_for_a_stuck_console(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No process reads the second port of a virtual machine: the handover must not wait for it."""
    monkeypatch.setattr(consoles_module, "DRAIN_SECONDS", 0.05)

    async def scene(room: Room) -> None:
        for _ in range(1000):
            room.consoles.say("." * 70)
        started = time.monotonic()
        room.consoles.close()
        assert time.monotonic() - started < 30

    play(scene, 1)


def test_closing_writes_what_is_left_and_gives_the_echo_back(play: Play) -> None:
    async def scene(room: Room) -> None:
        room.consoles.say("last words")
        room.consoles.close()
        assert room.terminal.echoes()
        await room.shows("last words\n")

    play(scene, 1)


def test_without_a_console_the_boot_goes_on_unseen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "active").write_text("no-such-console\n")
    monkeypatch.setattr(terminals_module, "ACTIVE", str(tmp_path / "active"))

    async def run() -> None:
        consoles = Consoles(lambda _: None)
        consoles.say("no console shows this")
        consoles.ask("Passphrase: ")
        consoles.withdraw("no prompt was up")
        consoles.close()
        assert consoles.preferred is None

    asyncio.run(run())


def test_a_kernel_that_names_no_console_has_dev_console(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminals_module, "ACTIVE", str(tmp_path / "missing"))
    assert terminals_module.console_paths() == ["/dev/console"]


def test_a_prompt_gives_way_where_no_key_was_pressed(play: Play) -> None:
    """R12: it stays for a user who has begun, on any console, however little was read."""

    async def scene(room: Room) -> None:
        room.consoles.ask("Passphrase for a: ")
        await room.shows("Passphrase for a: ")
        assert room.consoles.give_way("b is locked, too")
        await room.shows("b is locked, too: its prompt comes first\n", room.terminals[0])
        assert not room.consoles.give_way("there is no prompt")
        room.consoles.ask("Passphrase for b: ")
        room.terminals[0].type("hal")
        assert not room.consoles.give_way("c is locked, too")
        await room.shows("c is locked, too: Enter goes on to its prompt\nPassphrase for b: ")
        await asyncio.sleep(0.01)  # now it has been read
        assert not room.consoles.give_way("c is locked, too")
        room.terminals[0].type("f\r")
        await room.answered("half")

    play(scene, 2)


def test_a_key_is_told_once_and_never_shown(play: Play) -> None:
    """R25: the shell opens where the user is."""

    async def scene(room: Room) -> None:
        first, preferred = room.terminals
        pressed: list[str] = []
        assert room.consoles.for_shell is room.consoles.preferred
        room.consoles.await_key(lambda: pressed.append("key"))
        first.type("abc")
        await room.until(lambda: pressed == ["key"])
        assert room.consoles.for_shell is not room.consoles.preferred
        preferred.type("d")
        await asyncio.sleep(0.02)
        assert pressed == ["key"]
        assert first.screen() == preferred.screen() == ""
        assert room.answers == []

    play(scene, 2)


def test_what_was_typed_before_is_no_key_and_answers_a_later_prompt(play: Play) -> None:
    """Terminals answer to firmware on their own."""

    async def scene(room: Room) -> None:
        pressed: list[str] = []
        room.terminal.type("correct ")
        await asyncio.sleep(0.02)
        room.consoles.await_key(lambda: pressed.append("key"))
        await asyncio.sleep(0.02)
        assert pressed == []
        room.consoles.ask("Passphrase: ")
        room.terminal.type("horse\r")
        await room.answered("correct horse")
        assert pressed == []
        room.terminal.type("x")
        await room.until(lambda: pressed == ["key"])

    play(scene, 1)


def test_no_key_is_awaited_at_a_shell_or_any_more(play: Play) -> None:
    async def scene(room: Room) -> None:
        other, preferred = room.terminals
        pressed: list[str] = []
        console = room.consoles.preferred
        assert console is not None
        room.consoles.lend(console)
        room.consoles.await_key(lambda: pressed.append("key"))
        preferred.type("ls\n")
        await asyncio.sleep(0.02)
        assert pressed == []
        room.consoles.await_key(None)
        other.type("x")
        await asyncio.sleep(0.02)
        assert pressed == []

    play(scene, 2)
