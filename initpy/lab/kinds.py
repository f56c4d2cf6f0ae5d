"""Chooses a scenario's machine: User Mode Linux, unless it needs hardware that only QEMU has."""

from collections.abc import Callable, Iterable
from pathlib import Path

from initpy.image.kernel.kmod import read_index
from initpy.lab import umlhost
from initpy.lab.errors import LabError
from initpy.lab.kernels import LINUX_UML, Kernel, lab_kernel, uml_kernel
from initpy.lab.machine import Machine, MachineSpec
from initpy.lab.qemu import NO_CRYPTO_TESTS, Qemu
from initpy.lab.uml import NO_RAID6, Uml
from initpy.scenario.acts import Deed
from initpy.scenario.feasible import simulated_only
from initpy.scenario.model import Layer, MachineKind, Outcome, Recipe, Scenario
from initpy.scenario.pools import ZFS
from initpy.scenario.servers import Times

_MACHINES: dict[MachineKind, Callable[[MachineSpec, Path], Machine]] = {
    MachineKind.QEMU: Qemu,
    MachineKind.UML: Uml,
}
# Kind of layer that newer kernels do not support -> its driver.
_DROPPED = {"linear": "linear"}
_MEMORY = 1024  # MiB, the default; a scenario with another amount tests memory


def start(spec: MachineSpec, folder: Path) -> Machine:
    """Start a machine with its sockets and files in the folder."""
    return _MACHINES[spec.kind](spec, folder)


def kind_for(scenario: Scenario, wanted: MachineKind = MachineKind.AUTO) -> MachineKind:
    """Return the kind of machine for a scenario; `wanted` overrides the file.

    Raises LabError if User Mode Linux is requested and lacks what the scenario needs, and for a
    scenario that only the simulator can run.
    """
    if lacks := next(simulated_only(scenario), ""):
        raise LabError(
            f"{scenario.path}: no virtual machine has {lacks}\n"
            f"  try: initpy simulate {scenario.path}"
        )
    kind = scenario.machine if wanted is MachineKind.AUTO else wanted
    if kind is MachineKind.QEMU:
        return kind
    needs = needs_of_qemu(scenario)
    if kind is MachineKind.UML and needs:
        raise LabError(
            f"{scenario.path}: User Mode Linux does not have {needs[0]}\n"
            f"  try: initpy boot --machine qemu {scenario.path}"
        )
    if kind is MachineKind.UML:
        return kind
    return MachineKind.QEMU if needs else quickest()


def quickest() -> MachineKind:
    """Return the kind of machine for work that both can do."""
    return MachineKind.QEMU if umlhost.problem() else MachineKind.UML


def kernel_of(kind: MachineKind) -> Kernel:
    """Return the kernel for a kind of machine. Raises LabError if there is none."""
    if kind is MachineKind.QEMU:
        return lab_kernel()
    umlhost.require()
    return uml_kernel()


def kernel_named(release: str) -> Kernel:
    """Return the kernel of a release among those of both kinds of machine."""
    kernels = [lab_kernel()] + ([uml_kernel()] if LINUX_UML.exists() else [])
    return next(each for each in kernels if each.version == release)


def spared(kind: MachineKind, layers: Iterable[Layer]) -> str:
    """Return kernel parameters that skip self-tests and benchmarks these layers do not need."""
    if kind is MachineKind.QEMU:
        return NO_CRYPTO_TESTS
    return "" if any(layer.kind == "raid6" for layer in layers) else NO_RAID6


def gone_from(kernel: Kernel, recipe: Recipe) -> str:
    """Return the layers of a recipe that this kernel does not support any more; "" for none.

    Linux 6.8 dropped `linear`, so that such disks cannot be created.
    """
    dropped = sorted({each.kind for each in recipe.layers if each.kind in _DROPPED})
    if not dropped:
        return ""
    index = read_index(kernel.modules)
    return ", ".join(kind for kind in dropped if index.resolve(_DROPPED[kind]) is None)


def needs_of_qemu(scenario: Scenario) -> list[str]:
    """Return what the scenario needs and only QEMU has, as texts."""
    buses = {disk.bus for disk in scenario.disks if not disk.image} - {"virtio"}
    needs = [f"a disk on {bus}" for bus in sorted(buses)]
    if (scenario.nics or scenario.servers) and not scenario.has_server_machine:
        needs.append("a network card without a server machine")
    cables = (Deed.CARRIER_ON, Deed.CARRIER_OFF)
    moved = any(each.deed in cables for each in scenario.faults)
    if moved or any(each.carrier != Times() for each in scenario.nics):
        needs.append("a cable that is plugged in and pulled out")
    needs += ["a shared folder"] if scenario.shares else []
    if any(each.kind == "nvme" for each in scenario.servers):
        needs.append("NVMe over TCP")
    needs += ["firmware"] if scenario.uefi else []
    needs += ["a table of the firmware"] if scenario.ibft or scenario.nbft else []
    needs += ["a second console"] if scenario.second else []
    needs += ["a restart after which it goes on"] if scenario.restarts else []
    needs += ["a kernel that starts another one"] if scenario.again == "kexec" else []
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
        needs.append("hardware for the drivers that the image lacks")
    if any(layer.kind == ZFS for layer in scenario.layers):
        needs.append("the module zfs, which is built for a distribution's kernel")
    if any(layer.kind == "imsm" for layer in scenario.layers):
        needs.append("disks with the serial numbers that IMSM metadata records")
    return needs
