"""In what a scenario is booted: User Mode Linux, unless it needs what that lacks."""

from collections.abc import Callable, Iterable
from pathlib import Path

from initpy.image.kernel.kmod import read_index
from initpy.lab.errors import LabError
from initpy.lab.kernels import LINUX_UML, Kernel, lab_kernel, uml_kernel
from initpy.lab.machine import Machine, MachineSpec
from initpy.lab.qemu import NO_CRYPTO_TESTS, Qemu
from initpy.lab.uml import NO_RAID6, Uml
from initpy.scenario.feasible import simulated_only
from initpy.scenario.model import Layer, MachineKind, Outcome, Recipe, Scenario

_MACHINES: dict[MachineKind, Callable[[MachineSpec, Path], Machine]] = {
    MachineKind.QEMU: Qemu,
    MachineKind.UML: Uml,
}
# Kinds of layer that only older kernels have -> the driver.
_DROPPED = {"linear": "linear"}
_MEMORY = 1024  # MiB; a scenario with another amount is about memory


def start(spec: MachineSpec, folder: Path) -> Machine:
    """Start a machine; its sockets and files are in the folder."""
    return _MACHINES[spec.kind](spec, folder)


def kind_for(scenario: Scenario, wanted: MachineKind = MachineKind.AUTO) -> MachineKind:
    """The kind of machine that the scenario gets; `wanted` goes before what its file says.

    Raises LabError for a User Mode Linux that lacks what the scenario needs, and for a scenario
    that can only be simulated.
    """
    if lacks := next(simulated_only(scenario), ""):
        raise LabError(
            f"{scenario.path}: no virtual machine has got {lacks}\n"
            f"  try: initpy simulate {scenario.path}"
        )
    kind = scenario.machine if wanted is MachineKind.AUTO else wanted
    if kind is MachineKind.QEMU:
        return kind
    needs = needs_of_qemu(scenario)
    if kind is MachineKind.UML and needs:
        raise LabError(
            f"{scenario.path}: User Mode Linux has not got {needs[0]}\n"
            f"  try: initpy boot --machine qemu {scenario.path}"
        )
    if kind is MachineKind.UML:
        return kind
    return MachineKind.QEMU if needs else quickest()


def quickest() -> MachineKind:
    """The kind for work that any machine can do."""
    return MachineKind.UML if LINUX_UML.exists() else MachineKind.QEMU


def kernel_of(kind: MachineKind) -> Kernel:
    """The kernel of a kind of machine; LabError if there is none."""
    return uml_kernel() if kind is MachineKind.UML else lab_kernel()


def spared(kind: MachineKind, layers: Iterable[Layer]) -> str:
    """Parameters that spare a kernel work which nothing with these layers is about."""
    if kind is MachineKind.QEMU:
        return NO_CRYPTO_TESTS
    return "" if any(layer.kind == "raid6" for layer in layers) else NO_RAID6


def gone_from(kernel: Kernel, recipe: Recipe) -> str:
    """The layers of a recipe that this kernel has no driver for any more, in words; "" for none.

    Newer kernels have dropped `linear` (6.8), so that no disks with such a layer can be made.
    """
    dropped = sorted({each.kind for each in recipe.layers if each.kind in _DROPPED})
    if not dropped:
        return ""
    index = read_index(kernel.modules)
    return ", ".join(kind for kind in dropped if index.resolve(_DROPPED[kind]) is None)


def needs_of_qemu(scenario: Scenario) -> list[str]:
    """What the scenario needs and only QEMU has, in words."""
    buses = {disk.bus for disk in scenario.disks if not disk.image} - {"virtio"}
    needs = [f"a disk on {bus}" for bus in sorted(buses)]
    needs += ["a network card"] if scenario.nics or scenario.servers else []
    needs += ["firmware"] if scenario.uefi else []
    needs += ["a second console"] if scenario.second else []
    needs += ["a restart after which it goes on"] if scenario.restarts else []
    needs += ["a given amount of memory"] if scenario.memory != _MEMORY else []
    if not any(word.startswith("root=") for word in scenario.cmdline.split()):
        needs.append("a command line without root=: it adds its own")  # arch/um/kernel/um_arch.c
    if any(tool.program == "modprobe" for tool in scenario.tools):
        needs.append("drivers as modules that a distribution's kernel has as modules")
    needs += ["PCI"] if "/by-path/pci-" in scenario.cmdline else []
    if scenario.expect.outcome in (Outcome.POWEROFF, Outcome.HALTED):
        needs.append("a power switch, which tells off from halted")
    if scenario.variant.host:
        needs.append("the buses of the machine that the image is for")
    if scenario.variant.without:
        needs.append("the drivers that the image lacks")
    if any(layer.kind == "imsm" for layer in scenario.layers):
        needs.append("disks with the serial numbers that firmware RAID notes")
    return needs
