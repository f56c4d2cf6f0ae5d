"""The failure screen of the simulated machine, made when the console is read."""

from collections.abc import Callable, Iterator

from initpy.core.explanation import Advice, Node
from initpy.core.failure.damaged_metadata import doubtful, with_remnants
from initpy.core.failure.driverless import Unclaimed, advice_for, with_unclaimed
from initpy.simulation.kernel.reading import silence_of
from initpy.simulation.world.plans import Header, Member, PhysicalPlan
from initpy.simulation.world.world import World

# The runtime shows the screen after so many seconds, whatever has not answered by then.
SOON = 3.0


def screen(world: World, reason: str, tree: Node, advice: tuple[Advice, ...]) -> Callable[[], str]:
    """The text, as it will be; what it is about is the world of now."""
    now = world.now
    more, help_ = unclaimed(world)
    whole = completed(world, tree)

    def text() -> str:
        from initpy.report.tree import failure_screen

        shown = with_unclaimed(whole, more) if more else whole
        return failure_screen(reason, shown, now, (*help_, *advice))

    return text


def looks_in_vain(world: World, tree: Node) -> bool:
    """Whether one of the devices that are looked at for the tree does not answer now."""
    if not world.silent:
        return False
    blocks = (world.at(node) for node in doubtful(tree))
    return any(each is not None and silence_of(world, each) is not None for each in blocks)


def completed(world: World, tree: Node) -> Node:
    """The tree with what is left of damaged superblocks."""
    return with_remnants(tree, dict(_remnants(world, doubtful(tree))))


def _remnants(world: World, nodes: Iterator[str]) -> Iterator[tuple[str, str]]:
    for node in nodes:
        block = world.at(node)
        place = block.place if block is not None else None
        if block is None or place is None or not place.damages or silence_of(world, block):
            continue
        match place.content:
            case Member(array=array) if "superblock" in place.damages:
                of = f" of the array {array.set_name}" if array.metadata != "0.90" else ""
                yield node, f"a damaged md superblock{of}; nothing is written to it"
            case Header():
                yield node, "a damaged LUKS header; nothing is written to it"
            case PhysicalPlan():
                yield node, "a damaged LVM label; nothing is written to it"


def unclaimed(world: World) -> tuple[tuple[Unclaimed, ...], tuple[Advice, ...]]:
    """Controllers whose driver is not in the image."""
    if not world.without:
        return (), ()
    # PCI numbers of QEMU's controller, as the kernel's alias table knows them.
    known = {"megasas": ("RAID controller 1000:0060", "megaraid_sas")}
    found = []
    for number, plan in enumerate(world.disks.disks.values()):
        what, module = known.get(plan.bus, ("", ""))
        if module and module in world.without:
            name = f"pci device 0000:00:{3 + number:02x}.0"
            found.append(Unclaimed(name, what, (module,)))
    return tuple(found), advice_for(tuple(found))
