"""Users, arrivals and faults: what the director asks for, done to the machine."""

import re

from initpy.scenario.acts import Deed
from initpy.scenario.director import Act, Director, Type
from initpy.simulation.kernel import network
from initpy.simulation.machine.pid1 import Machine
from initpy.simulation.tools import mdmon

STORM_EVENTS = 300
A_KEY = "a key"
ATTENTION_SECONDS = 4.0  # until a user answers again after the engine has died


def in_words(act: Act) -> str:
    """An act in words; of what is typed, only that it is (R14)."""
    if isinstance(act, Type):
        keys = A_KEY if len(act.text) == 1 else f"{len(act.text)} keys"
        return f"type {keys}" + (" at the second console" if act.second else "")
    return f"{act.deed} {act.argument}".strip()


class Stage:
    """Has the director look whenever the console has changed or something is due."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.director = Director(machine.world.scenario)
        self._seen = -1
        self._idle = False  # nothing is left to do
        self._due: float | None = None
        self.acts: list[tuple[float, str]] = []  # what was done, and when
        self._commands: list[str] = []  # what was typed in shells
        self._answering = ""  # the prompt that a user is about to answer again

    def go_on(self, machine: Machine) -> None:
        """The machine has been restarted."""
        self._machine, self._seen, self._due = machine, -1, None

    def look(self) -> None:
        """Let users and faults act on what there is to see now."""
        world = self._machine.world
        if self._machine.deaths:
            self._attend()
        version = world.terminals.version
        due = self._due is not None and world.agenda.now >= self._due
        if self._idle or (version == self._seen and not due):
            return
        self._seen = version
        for act in self.director.advance(world.terminals.first.text, world.agenda.now):
            self.acts.append((world.agenda.now, in_words(act)))
            self._do(act)
        self._idle = not self.director.waiting
        before, self._due = self._due, self.director.due
        if self._due is not None and self._due != before:
            world.agenda.at(self._due, self.look)

    def _do(self, act: Act) -> None:
        machine = self._machine
        world = machine.world
        if isinstance(act, Type):
            if world.terminals.first.shell is not None:
                self._commands.append(act.text)
            world.terminals.type(act.text, act.second)
            return
        match act.deed:
            case Deed.PLUG:
                machine.slots.plug(world.disks.disks[act.argument])
            case Deed.UNPLUG:
                machine.slots.unplug(act.argument)
            case Deed.FREEZE:
                world.freeze(act.argument)
            case Deed.THAW:
                world.thaw(act.argument)
            case Deed.REREAD:
                machine.slots.reread(act.argument)
            case Deed.CTRL_ALT_DEL:
                world.terminals.pid1("Ctrl-Alt-Del: reboot")
                machine.end("reboot")
            case Deed.KILL_ENGINE | Deed.STOP_ENGINE | Deed.CONTINUE_ENGINE:
                self._to_engine(act.deed)
            case Deed.KILL_UDEVD | Deed.KILL_UDEV_WORKERS:
                self._to_udevd(act.deed)
            case Deed.KILL_MONITORS:
                self._to_monitors()
            case Deed.STORM:
                name = world.plugged.get(act.argument, "")
                if (block := world.blocks.get(name)) is not None:
                    for _ in range(STORM_EVENTS):
                        machine.udev.uevent("change", block, None, True)
                    world.kernel(f"INITPY-LAB storm of {STORM_EVENTS} events at {name}")
            case Deed.FILL_RUN | Deed.EMPTY_RUN:
                world.run_full = act.deed is Deed.FILL_RUN
                what = "full" if world.run_full else "empty again"
                world.kernel(f"INITPY-LAB /run is {what}")
            case Deed.REFUSE_FORKS | Deed.ALLOW_FORKS:
                world.short = act.deed is Deed.REFUSE_FORKS
                can = "no process can be started" if world.short else None
                world.kernel(f"INITPY-LAB {can or 'processes can be started again'}")
            case Deed.CARRIER_ON | Deed.CARRIER_OFF | Deed.SERVER_UP | Deed.SERVER_DOWN:
                self._to_network(act.deed, act.argument)
            case Deed.SIGNAL_INIT:
                world.kernel(f"INITPY-LAB signal {act.argument} to process 1")

    def _to_network(self, deed: Deed, name: str) -> None:
        world = self._machine.world
        assert world.network is not None
        if deed in (Deed.CARRIER_ON, Deed.CARRIER_OFF):
            network.carrier(world, world.network, name, deed is Deed.CARRIER_ON)
        else:
            network.server(world, self._machine.udev, world.network, name, deed is Deed.SERVER_UP)

    # After an engine has died that no scenario wanted dead

    def _attend(self) -> None:
        """Users answer again what they have answered to a dead engine, if the scenario does not."""
        terminals = self._machine.world.terminals
        shell = terminals.first.shell is not None
        if terminals.prompt is None and not shell:
            return
        what = f"shell {self._machine.lives}" if shell else f"prompt {terminals.asked}"
        if what != self._answering:
            self._answering = what
            self._machine.world.agenda.after(ATTENTION_SECONDS, self._again, what)

    def _again(self, what: str) -> None:
        terminals = self._machine.world.terminals
        if what != self._answering:
            return
        if what.startswith("shell"):
            if terminals.first.shell is not None and self._commands:
                self._do(Type("".join(self._commands[-1:])))
        elif terminals.prompt is not None and what == f"prompt {terminals.asked}":
            self._do(Type(f"\x15{self._answer(terminals.prompt)}\n"))

    def _answer(self, prompt: str) -> str:
        """What opens the volume that is asked for; or yes."""
        world = self._machine.world
        found = re.match(r"Passphrase for (\S+) \((\S+?)[,)]", prompt)
        if found is None:
            return "yes"
        block = world.at(found[2])
        for volume in world.disks.volumes:
            if block is not None and block.place is volume.on:
                return volume.secrets[0].decode()
        return ""

    def _to_engine(self, deed: Deed) -> None:
        machine, engine = self._machine, self._machine.engine
        number = 1000 + machine.lives
        if engine is None or not engine.alive:
            if not machine.handed_over:  # it is just being restarted: the next one is meant
                machine.world.agenda.after(0.1, self._to_engine, deed)
        elif deed is Deed.KILL_ENGINE:
            machine.kill_engine()
            machine.world.kernel(f"INITPY-LAB engine {number} killed")
        elif deed is Deed.STOP_ENGINE:
            machine.stop_engine()
            machine.world.kernel(f"INITPY-LAB engine {number} stopped")
        else:
            engine.thaw()
            machine.world.kernel(f"INITPY-LAB engine {number} goes on")

    def _to_monitors(self) -> None:
        machine = self._machine
        world = machine.world
        if not world.monitors:
            if not machine.handed_over:  # the agent waits until there is one
                world.agenda.after(0.1, self._to_monitors)
            return
        numbers = dict(world.monitors)
        for name, number in numbers.items():
            mdmon.end(world, name, number)
        world.kernel(f"INITPY-LAB monitors killed: {' '.join(map(str, numbers.values()))}")

    def _to_udevd(self, deed: Deed) -> None:
        machine = self._machine
        if not machine.udev.alive or (deed is Deed.KILL_UDEV_WORKERS and not machine.udev.busy):
            if not machine.handed_over:  # the agent waits until there is one
                machine.world.agenda.after(0.02, self._to_udevd, deed)
        elif deed is Deed.KILL_UDEVD:
            machine.world.kernel("INITPY-LAB udevd 99 killed")
            machine.udev.die("killed by signal 9")
        else:
            names = machine.udev.kill_workers()
            machine.world.kernel(f"INITPY-LAB udev's workers killed: {' '.join(names)}")
