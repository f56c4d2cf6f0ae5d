"""Lines of the script that creates disks, for ZFS pools and their datasets."""

import shlex
from collections.abc import Iterator, Mapping

from initpy.lab import encryption
from initpy.scenario.model import Dataset, Layer

_HOST_ID = "/sys/module/spl/parameters/spl_hostid"
# The fewest iterations of key derivation that zfs(8) allows.
_CHEAP = "-o pbkdf2iters=100000"


def pool(layer: Layer, devices: list[str], keys: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines that create a pool and fill its datasets."""
    yield "/usr/sbin/modprobe zfs"
    if layer.host_id:
        yield f"echo 0x{layer.host_id} >{_HOST_ID}"
    name = _words(layer.name)
    # -f: on partitions of equal size without a type of ZFS. -d: no features are of interest.
    named = [*zip(layer.on, devices, strict=True)]
    logs = [node for name, node in named if name in layer.log]
    vdevs = " ".join([layer.profile, *(node for _, node in named if node not in logs)]).strip()
    vdevs += f" log {' '.join(logs)}" if logs else ""
    yield f"zpool create -f -m none -O atime=off -o cachefile=none {name} {vdevs}"
    for dataset in layer.datasets:
        yield from _dataset(layer, dataset, keys)
    for number, (volume, size) in enumerate(layer.volumes):
        yield f"zfs create -s -V {size} {_words(f'{layer.name}/{volume}')}"
        # The kernel makes the device some time after.
        yield f"while [ ! -b {volume_node(number)} ]; do sleep 0.1; done"
    if layer.bootfs:
        yield f"zpool set {_words(f'bootfs={layer.name}/{layer.bootfs}')} {name}"


def volume_node(number: int) -> str:
    """Return the node of a pool's volume; each has 16 minor numbers, for its partitions."""
    return f"/dev/zd{16 * number}"


def _dataset(layer: Layer, dataset: Dataset, keys: Mapping[str, str]) -> Iterator[str]:
    path = _words(f"{layer.name}/{dataset.name}")
    above = path.rpartition("/")[0]
    if above != layer.name:
        yield f"zfs create -u -p -o canmount=off {above} 2>/dev/null || true"
    options = f"-o canmount={dataset.canmount} -o {_words(f'mountpoint={dataset.mountpoint}')}"
    secret = dataset.passphrase or keys.get(dataset.keyfile, "")
    if secret:
        yield f"echo {encryption.coded(secret)} | base64 -d >/run/key"
        options += (
            f" {_CHEAP} -o encryption=on -o keyformat=passphrase -o keylocation=file:///run/key"
        )
    yield f"zfs create -u {options} {path}"
    if secret:
        location = f"file://{dataset.keyfile}" if dataset.keyfile else "prompt"
        yield f"zfs set {_words(f'keylocation={location}')} {path}"
    for file, content in dataset.files:
        mode = "0755" if content.startswith("#!") else ""
        yield f"extra_file {_words(file)} {encryption.coded(content)} {mode}".rstrip()
    if dataset.holds or dataset.files:
        source = {"root": "/lab/system", "usr": "/lab/system/usr", "": ""}[dataset.holds]
        yield f'fill zfs {path} {_words(source)} "" "" ""'


def closed(layer: Layer) -> str:
    """Return the lines that leave the pool: exported, or as after a power failure."""
    if layer.host_id:
        return f"zpool sync {_words(layer.name)}"
    return f"zpool export {_words(layer.name)}"


def _words(*words: str) -> str:
    return " ".join(shlex.quote(word) for word in words)
