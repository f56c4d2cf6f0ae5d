"""zpool(8) and zfs(8): imports by the labels on the given disks, datasets, keys.

A listing without a pool's name imports nothing and writes nothing. Words and states as zfs 2.1 of
Debian 12 has them.
"""

import re
from collections.abc import Iterator

from initpy.simulation.kernel import pools
from initpy.simulation.kernel.process import Answer, Call, Work
from initpy.simulation.kernel.udev import Udev
from initpy.simulation.world.plans import DatasetPlan, Place, PoolPlan
from initpy.simulation.world.pools import Imported
from initpy.simulation.world.world import World

SCAN_SECONDS, IMPORT_SECONDS, LIST_SECONDS, KEY_SECONDS = 0.3, 0.8, 0.05, 0.5
HOST_ID = re.compile(r"(?:^|\s)spl\.spl_hostid=(?:0x)?([0-9a-fA-F]+)")
NO_MODULE = "The ZFS modules are not loaded.\nTry running '/sbin/modprobe zfs' as root."

FOREIGN = "status: The pool was last accessed by another system.\n"


def zpool(world: World, udev: Udev, call: Call) -> Work:
    """`zpool import [-d NODE]…`, the same with a pool's name or GUID, `zpool list`."""
    yield LIST_SECONDS
    if "zfs" not in world.modules:
        return Answer(1, complaints=NO_MODULE)
    if call.words[1] == "list":
        return Answer(0, "".join(_line(each) for each in world.pools.values()))
    if call.words[1] != "import":
        return None
    words, nodes, wanted = list(call.words[2:]), [], ""
    while words:
        word = words.pop(0)
        if word == "-d":
            nodes.append(words.pop(0))
        elif not word.startswith("-"):
            wanted = word
    yield SCAN_SECONDS
    found = list(_pools(world, tuple(nodes)))
    if not wanted:
        text = "".join(_described(world, *each) for each in found)
        complaints = "" if text else "no pools available to import"
        return Answer(0 if text else 1, text, complaints)
    for pool, present in found:
        if wanted in (pool.guid, pool.name):
            return (yield from _import(world, udev, call, pool, present))
    return Answer(1, complaints=f"cannot import '{wanted}': no such pool available")


def _line(pool: Imported) -> str:
    return f"{pool.plan.name}\t{pool.plan.guid}\t{pool.plan.bootfs or '-'}\n"


def _pools(world: World, nodes: tuple[str, ...]) -> Iterator[tuple[PoolPlan, list[Place]]]:
    """The pools that are not imported yet, with their disks among these."""
    seen: list[PoolPlan] = []
    for node in nodes:
        block = world.at(node)
        pool = block.place.content if block is not None and block.place is not None else None
        if isinstance(pool, PoolPlan) and pool not in seen and pool.guid not in world.pools:
            seen.append(pool)
            yield pool, pools.there(world, pool, nodes)


def _described(world: World, pool: PoolPlan, present: list[Place]) -> str:
    health = pools.state(pool, present)
    lines = [f"   pool: {pool.name}", f"     id: {pool.guid}", f"  state: {health}"]
    if health != "ONLINE":
        lines.append("status: One or more devices are missing from the system.")
    elif _foreign(world, pool):
        lines.append(FOREIGN.rstrip())
    why = "  missing device" if health == "UNAVAIL" else ""
    lines += [" config:", "", f"\t{pool.name}  {health}{why}"]
    for number, place in enumerate((*pool.data, *pool.logs)):
        block = world.of(place) if place in present else None
        name, how = (block.name, "ONLINE") if block is not None else (str(number + 10), "UNAVAIL")
        lines += ["\tlogs\t"] if number == len(pool.data) else []
        lines.append(f"\t    {name}  {how}")
    return "\n".join([*lines, "", ""])


def _foreign(world: World, pool: PoolPlan) -> bool:
    """Whether another system used it last and did not export it."""
    named = HOST_ID.search(world.scenario.cmdline)
    own = int(named[1], 16) if named is not None else 0
    return bool(pool.host_id) and int(pool.host_id, 16) != own


def _import(world: World, udev: Udev, call: Call, pool: PoolPlan, present: list[Place]) -> Work:
    if _foreign(world, pool) and "-f" not in call.words:
        return Answer(1, complaints=f"cannot import '{pool.name}': pool was previously in use "
                      f"from another system.\nLast accessed by other (hostid={pool.host_id}) at "
                      "Mon Nov 30 12:00:00 2026\nThe pool can be imported, use 'zpool import -f' "
                      "to import the pool.")  # fmt: skip
    without_log = "-m" in call.words and pools.state(pool, [*present, *pool.logs]) != "UNAVAIL"
    if pools.lost_log(pool, present) and not without_log:
        # zpool names the devices, and -m, on its standard output.
        return Answer(1, complaints=f"cannot import '{pool.name}': one or more devices is "
                      "currently unavailable")  # fmt: skip
    if pools.state(pool, present) == "UNAVAIL" and not without_log:
        return Answer(1, complaints=f"cannot import '{pool.name}': one or more devices is "
                      "currently unavailable")  # fmt: skip
    if any(each.plan.name == pool.name for each in world.pools.values()):
        return Answer(1, complaints=f"cannot import '{pool.name}': a pool with that name already "
                      "exists\nuse the form 'zpool import <pool | id> <newpool>' to give it a new "
                      "name")  # fmt: skip
    yield IMPORT_SECONDS
    pools.import_pool(world, udev, pool, present)
    return Answer(0)


def zfs(world: World, udev: Udev, call: Call) -> Work:
    """`zfs list … POOL` with the columns of the job file, `zfs load-key [-L prompt] DATASET`."""
    yield LIST_SECONDS
    if "zfs" not in world.modules:
        return Answer(1, complaints=NO_MODULE)
    pool = next((each for each in world.pools.values()
                 if call.words[-1].split("/")[0] == each.plan.name), None)  # fmt: skip
    if pool is None:
        return Answer(1, complaints=f"cannot open '{call.words[-1]}': dataset does not exist")
    if call.words[1] == "list":
        return Answer(0, "".join(_row(pool, each) for each in pool.plan.datasets))
    dataset = world.dataset(call.words[-1])
    if call.words[1:6] == ("get", "-H", "-o", "value", "keylocation") and dataset is not None:
        return Answer(0, f"{dataset.keylocation}\n")
    if call.words[1] != "load-key" or dataset is None:
        return None
    yield KEY_SECONDS
    if dataset.encryption in pool.keys:
        why = f"Key load error: Key already loaded for '{dataset.name}'."
        return Answer(255, complaints=why)
    files, path = dict(world.scenario.files), dataset.keylocation.removeprefix("file://")
    secret = call.secret if "prompt" in call.words else files.get(path, "").encode()
    if not secret and "prompt" not in call.words:
        why = f"Key load error: Failed to open key material file: {path}"
        return Answer(255, complaints=why)
    if (secret or b"").rstrip(b"\n") != dataset.secret.rstrip(b"\n"):
        why = f"Key load error: Incorrect key provided for '{dataset.name}'."
        return Answer(255, complaints=why)
    pool.keys.add(dataset.encryption)
    return Answer(0)


def _row(pool: Imported, each: DatasetPlan) -> str:
    """Name, keystatus, encryptionroot, canmount, mountpoint."""
    locked = "unavailable" if pool.locked(each) else "available"
    status = locked if each.encryption else "-"
    columns = (each.name, status, each.encryption or "-", each.canmount, each.mountpoint)
    return "\t".join(columns) + "\n"
