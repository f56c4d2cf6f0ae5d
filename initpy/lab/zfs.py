"""The driver and the tools of ZFS for the lab. Debian has them in contrib, the driver as source.

`qemu/zfs.sh` builds the driver once and collects the tools. An image with them is built in its own
mount namespace, where an overlay adds the tools to this machine's /usr: the builder sees a
machine that has ZFS, and the machine itself stays as it is.
"""

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from initpy.config.project import PROJECT
from initpy.image.build.build import build
from initpy.image.build.request import BuildRequest
from initpy.lab.cache import cache_folder
from initpy.lab.errors import LabError, Progress
from initpy.lab.kernels import Kernel
from initpy.scenario.model import Layer
from initpy.scenario.pools import ZFS

PROGRAMS = ("zpool", "zfs")
SCRIPT = PROJECT / "qemu" / "zfs.sh"
# Arguments: the folder with the tools' usr, the command.
INSIDE = """
set -e
mount --make-rprivate /
mount -t overlay -o "lowerdir=$1:/usr" tools /usr
shift
exec "$@"
"""


def has_pools(layers: Iterable[Layer]) -> bool:
    """Return whether there is a ZFS pool among the layers."""
    return any(layer.kind == ZFS for layer in layers)


def zfs_folder(release: str) -> Path:
    """Return the folder of the cache for a kernel's driver, which may not exist yet."""
    return cache_folder("zfs") / release


def with_driver(kernel: Kernel, progress: Progress) -> Kernel:
    """Return the kernel with the driver of ZFS; build that if the cache has none.

    Raises LabError without root, or if the build fails.
    """
    folder = zfs_folder(kernel.version)
    if not folder.is_dir():
        progress(f"building the driver of ZFS for {kernel.version} (once; half an hour)")
        # It reads HOME and the settings of apt's network.
        done = subprocess.run([SCRIPT, kernel.version], check=False)
        if done.returncode:
            raise LabError(f"cannot build the driver of ZFS for {kernel.version}")
    return replace(kernel, modules=folder / "modules" / kernel.version)


def build_with_tools(request: BuildRequest) -> None:
    """Build an image on a machine that has the tools of ZFS. Raises LabError if that fails."""
    if os.geteuid() != 0:
        raise LabError("only root can build an image with ZFS: it takes a mount namespace")
    with tempfile.NamedTemporaryFile(suffix=".request") as file:
        pickle.dump(request, file)
        file.flush()
        tools = zfs_folder(request.kernel) / "usr"
        command = [sys.executable, "-m", "initpy.lab.zfs", file.name]
        words = ["unshare", "--mount", "sh", "-c", INSIDE, "sh", str(tools), *command]
        done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=PROJECT)
    if done.returncode:
        raise LabError(f"cannot build an image with ZFS\n{done.stdout}{done.stderr}".rstrip())


if __name__ == "__main__":
    build(pickle.loads(Path(sys.argv[1]).read_bytes()))
