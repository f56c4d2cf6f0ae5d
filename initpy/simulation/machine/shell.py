"""The rescue shell and the few commands that users of scenarios type in it."""

from collections.abc import Callable

from initpy.core.events import Event, KeyGiven, RetryAsked, WaitAsked
from initpy.core.secret import Secret
from initpy.simulation.kernel.process import Answer, Call, Process
from initpy.simulation.machine.engine import Engine
from initpy.simulation.machine.failure import SOON, completed, looks_in_vain, unclaimed
from initpy.simulation.machine.host import Host
from initpy.simulation.tools.applets import KNOWN, SYNTAX

PROMPT = "(initramfs) # "
RESCUE = "a shell; the boot goes on if the root turns up. `exit` tries again."
COMMANDS = "initpy status | unlock | retry | wait | journal (--help explains each)"
ON_THE_ROOT = ("bin", "dev", "etc", "mnt", "proc", "root", "run", "sbin", "sys", "tmp", "usr",
               "var")  # fmt: skip
COMMAND_SECONDS = 0.3

Then = Callable[[int, str], None]


class Shell:
    """One shell on the preferred console, until `exit` or the boot goes on."""

    def __init__(self, machine: Host, engine: Engine, stop: str) -> None:
        self._machine = machine
        self._engine = engine
        self._stop = stop
        self._terminal = machine.world.terminals.user_at
        self._line = ""
        self._silent: Callable[[str], None] | None = None  # who reads a line without echo
        self._queue: list[tuple[str, str]] = []  # what goes before it (; or &&), command
        self._request = 100

    def open(self) -> None:
        """Say so and wait for commands."""
        terminals = self._machine.world.terminals
        terminals.say(f"initpy: {self._stop or RESCUE}\ninitpy: {COMMANDS}")
        self._terminal.shell = self._typed
        self._machine.shown = True
        self._show(f"\n\n{PROMPT}")
        ahead, self._terminal.unread = self._terminal.unread, ""
        if ahead:  # typed before the shell was open
            self._machine.world.agenda.after(0.0, self._typed, ahead)

    def _show(self, text: str) -> None:
        if self._terminal.shell == self._typed:
            self._machine.world.terminals.show(self._terminal, text)

    def _typed(self, text: str) -> None:
        for key in text:
            if self._silent is None:
                self._show(key)
            if key == "\n":
                line, self._line = self._line, ""
                self._take(line)
            else:
                self._line += key

    def _take(self, line: str) -> None:
        if self._silent is not None:
            reader, self._silent = self._silent, None
            self._show("\n")
            reader(line)
            return
        for part in line.split(";"):
            for number, command in enumerate(part.split("&&")):
                self._queue.append(("&&" if number else ";", command.strip()))
        self._next(0)

    def _next(self, status: int) -> None:
        while self._queue:
            joint, command = self._queue.pop(0)
            if joint == "&&" and status:
                continue
            if command == "exit":
                self._exit()
                return
            if command:
                self._machine.world.agenda.after(COMMAND_SECONDS, self._run, command)
                return
        self._show(PROMPT)

    def _exit(self) -> None:
        self._terminal.shell = None
        self._queue.clear()
        self._engine.shell_ended()

    def _run(self, command: str) -> None:
        if not self._engine.alive:
            return
        command, _, filtered = command.partition(" | ")

        def done(status: int, text: str) -> None:
            if filtered.startswith("grep -c "):
                word = filtered.removeprefix("grep -c ")
                count = sum(word in line for line in text.splitlines())
                text, status = f"{count}\n", 0 if count else 1
            elif filtered:
                self._machine.world.cannot(f"the shell command | {filtered}")
            self._show(text)
            self._next(status)

        words = tuple(command.split())
        if words[0] == "initpy":
            self._ours(words[1:], done)
        elif words[0] == "ls":
            self._list(words[1:], done)
        else:
            self._program(words, done)

    def _list(self, words: tuple[str, ...], done: Then) -> None:
        mounted = "/sysroot" in self._machine.world.mounts
        path = words[-1]
        below = path.removeprefix("/sysroot").strip("/")
        if path != "/sysroot" and not (mounted and below in ON_THE_ROOT):
            done(1, f"ls: {path}: No such file or directory\n")
        elif words[0] == "-d":
            done(0, f"{path}\n")
        else:
            done(0, "".join(f"{name}\n" for name in ON_THE_ROOT) if mounted else "")

    def _program(self, words: tuple[str, ...], done: Then) -> None:
        from initpy.simulation.tools.table import MODELS

        model = MODELS.get(words[0])
        world = self._machine.world
        if model is None:
            known = KNOWN | self._machine.prepared.programs
            if words[0] in known or SYNTAX.intersection(words[0]):
                world.cannot(f"the shell command {words[0]}")
            # Else nothing is called so: a passphrase typed into the shell, for instance.
            done(127, f"sh: {words[0]}: not found\n")
            return

        def ended(answer: Answer | None) -> None:
            if answer is None:
                world.cannot(f"the shell command {' '.join(words)}")
                done(127, "")
                return
            text = "\n".join(filter(None, (answer.output.rstrip(), answer.complaints)))
            done(answer.status, f"{text}\n" if text else "")

        Process(world, model(world, self._machine.udev, Call(words)), ended)

    # initpy's own commands

    def _ours(self, words: tuple[str, ...], done: Then) -> None:
        match words:
            case ("status", *options):
                self._tell_status("--json" in options, done)
            case ("wait", seconds):
                forever = seconds == "forever"
                self._ask(lambda number: WaitAsked(number, None if forever else float(seconds)),
                          done)  # fmt: skip
            case ("retry",):
                self._ask(RetryAsked, done)
            case ("unlock", *names):
                name = names[0] if names else ""
                self._show(f"Passphrase for {name or 'the locked volume'}: ")
                self._silent = lambda line: self._unlock(name, line, done)
            case ("journal", *_):
                from initpy.report.journal import line

                lines = filter(None, (line(each, 0.0) for each in self._machine.journal()))
                done(0, "".join(f"{each}\n" for each in lines))
            case _:
                self._machine.world.cannot(f"the shell command initpy {' '.join(words)}")
                done(2, "")

    def _tell_status(self, as_json: bool, done: Then) -> None:
        """At once, or when what is read for it has not answered for a while."""
        world = self._machine.world
        if looks_in_vain(world, self._engine.boot.explain(world.now)):
            world.agenda.after(SOON, lambda: done(0, self._status(as_json)))
        else:
            done(0, self._status(as_json))

    def _status(self, as_json: bool) -> str:
        from initpy.core.failure.driverless import with_unclaimed
        from initpy.report.tree import render, render_json

        world = self._machine.world
        tree = completed(world, self._engine.boot.explain(world.now))
        tree = with_unclaimed(tree, unclaimed(world)[0])
        return (render_json if as_json else render)(tree, world.now) + "\n"

    def _unlock(self, name: str, line: str, done: Then) -> None:
        self._ask(lambda number: KeyGiven(number, name, Secret(line.encode())), done)

    def _ask(self, make: Callable[[int], Event], done: Then) -> None:
        self._request += 1

        def answered(well: bool, text: str) -> None:
            done(0 if well else 1, f"{text}\n" if well else f"initpy: {text}\n")

        self._engine.request(make(self._request), self._request, answered)
