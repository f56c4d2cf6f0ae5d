"""A machine without an engine: tests call tools in it, and look at what the kernel and udev say."""

from collections.abc import Callable
from pathlib import Path

from initpy.core.events import DeviceChanged
from initpy.scenario.parse import load_scenario
from initpy.simulation.kernel import network
from initpy.simulation.kernel.disks import Slots
from initpy.simulation.kernel.process import Answer, Call, Process
from initpy.simulation.kernel.udev import Told, Udev
from initpy.simulation.machine.prepared import prepare
from initpy.simulation.tools import table as tools
from initpy.simulation.world.network import Network
from initpy.simulation.world.random_faults import Chance, RandomFaults
from initpy.simulation.world.sabotage import Sabotage
from initpy.simulation.world.world import Block, World

HEAD = 'title = "desk"\n[expect]\noutcome = "booted"\n'


class Workshop:
    """A machine with udevd, and somebody who calls tools."""

    def __init__(self, folder: Path, text: str, cmdline: str = "") -> None:
        file = folder / "desk.toml"
        file.write_text(f'{HEAD}{text}\n[machine]\ncmdline = "{cmdline}"\n')
        scenario = load_scenario(file)
        prepared = prepare(scenario)
        self.world = World(scenario, prepared.disks, Chance(None, RandomFaults()), False,
                           prepared.without)  # fmt: skip
        self.udev = Udev(self.world)
        self.udev.alive = True
        self.told: list[Told] = []
        self.udev.listener = self.told.append
        self.slots = Slots(self.world, self.udev)
        if self.world.network is not None:
            self.world.network.plug = self.slots.plug
        self.sabotage = Sabotage(scenario)

    @property
    def network(self) -> Network:
        assert self.world.network is not None
        return self.world.network

    def carrier(self, name: str, on: bool) -> None:
        network.carrier(self.world, self.network, name, on)

    def server(self, name: str, on: bool) -> None:
        network.server(self.world, self.udev, self.network, name, on)

    def plug(self, *names: str) -> None:
        for name in names:
            self.slots.plug(self.world.disks.disks[name])
            self.settle()

    def settle(self) -> None:
        while self.world.agenda.step():
            pass

    def at(self, seconds: float, call: Callable[..., object], *arguments: object) -> None:
        self.world.agenda.after(seconds, call, *arguments)

    def start(self, *words: str, secret: bytes | None = None) -> tuple[Process, list[Answer]]:
        answers: list[Answer] = []
        call = Call(words, secret)
        process = tools.start(self.world, self.udev, self.sabotage, words[0], call, answers.append)
        return process, answers

    def run(self, *words: str, secret: bytes | None = None) -> Answer:
        _, answers = self.start(*words, secret=secret)
        self.settle()
        (answer,) = answers
        return answer

    def add(self, name: str, *options: str) -> Answer:
        words = ("mdadm", "--incremental", "--export", "--offroot", *options, f"/dev/{name}")
        return self.run(*words)

    def state(self, node: str) -> str:
        array = self.block(node).array
        assert array is not None
        return array.state

    def block(self, name: str) -> Block:
        return self.world.blocks[name]

    def properties(self, name: str) -> dict[str, str]:
        """As udev has told of the device last."""
        told = [e.device for e in self.told if isinstance(e, DeviceChanged)]
        return dict([each for each in told if each.name == name][-1].properties)
