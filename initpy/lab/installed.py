"""Installed systems for roots: a Debian as its installer leaves it, made once and cached.

qemu/debian.sh makes the system in a folder. A disk image adds what a machine of the lab needs: the
modules of its kernel, and units that report facts of the running system. The machine that creates
disks copies from it.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from initpy.config.project import PROJECT
from initpy.image.process import run
from initpy.lab.cache import cache_folder, digest, locked, prune
from initpy.lab.errors import LabError, Progress
from initpy.lab.kernels import Kernel
from initpy.lab.machine import Drive
from initpy.lab.system import FACTS
from initpy.scenario.model import Recipe, Scenario

INIT = PROJECT / "qemu" / "installed-init.sh"
_MAKER = PROJECT / "qemu" / "debian.sh"
_LAB = "/usr/lib/initpy-lab"
# Modules of hardware that no machine of the lab has take two thirds of a kernel's package.
_WITHOUT = (
    "sound", "net/wireless", "net/mac80211", "net/bluetooth", "drivers/gpu", "drivers/media",
    "drivers/net", "drivers/infiniband", "drivers/staging", "drivers/iio", "drivers/isdn",
    "drivers/comedi", "drivers/bluetooth", "drivers/usb/serial", "drivers/hwmon", "drivers/mtd",
)  # fmt: skip
_UNITS = {
    # Neither waits for the boot: it is not settled while a job is left.
    "initpy-lab-begin.service": f"""[Unit]
Description=Tell the lab that the real init runs
DefaultDependencies=no
Before=systemd-udevd.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={_LAB}/init begin
""",
    "initpy-lab-facts.service": f"""[Unit]
Description=Report facts to the lab once the boot has settled, and power off
DefaultDependencies=no
After=initpy-lab-begin.service
[Service]
Type=simple
ExecStart={_LAB}/init facts
StandardOutput=journal+console
""",
}
_TARGETS = ("sysinit.target", "rescue.target", "emergency.target")
_RUNIT = f"#!/bin/sh\n{_LAB}/init begin\nexec {_LAB}/init facts\n"
_MACHINE_ID = "0123456789abcdef0123456789abcdef\n"
_MOST = 20  # cached images, each some 400 MB


def recipe_for(scenario: Scenario, kernel: Kernel) -> Recipe:
    """Return the recipe of a scenario's disks; an installed system has the kernel's modules."""
    recipe = scenario.recipe()
    return replace(recipe, kernel=kernel.version) if scenario.system else recipe


def system_names(recipes: Iterable[Recipe]) -> list[tuple[str, str]]:
    """Return the installed systems of recipes, each with the release of its kernel."""
    found = {
        (layer.system, recipe.kernel)
        for recipe in recipes
        for layer in recipe.layers
        if layer.system
    }
    return sorted(found)


def serial(name: str, kernel: str) -> str:
    """Return the serial number of a system's disk in the machine that creates disks.

    virtio's are at most 20 bytes long.
    """
    return f"system-{digest([name.encode(), kernel.encode()])[:8]}"


def system_key(recipe: Recipe) -> str:
    """Return what the content of a recipe's installed systems depends on; "" for none."""
    names = system_names([recipe])
    return " ".join(f"{_folder(name).name} {kernel} {_own_key()}" for name, kernel in names)


def _own_key() -> str:
    texts = repr((_UNITS, _WITHOUT, _MACHINE_ID, _RUNIT))
    return digest([INIT.read_bytes(), FACTS.read_bytes(), texts.encode()])


def _folder(name: str) -> Path:
    return Path(run([str(_MAKER), "--print", name], environment=_environment()).decode().strip())


def _environment() -> dict[str, str]:
    """Return the settings that the script takes from its environment."""
    names = ("HOME", "XDG_CACHE_HOME", "INITPY_DEBIAN_MIRROR")
    return {name: os.environ[name] for name in names if name in os.environ}


def system_drive(name: str, kernel: Kernel, progress: Progress) -> Drive:
    """Return the disk with a system for one kernel; make it if the cache has none."""
    image = cache_folder("systems") / f"{_folder(name).name}-{kernel.version}-{_own_key()}.ext4"
    with locked("systems"):
        if not image.exists():
            _make(name, kernel, image, progress)
            prune(image.parent.glob("*.ext4"), _MOST)
        os.utime(image)
    return Drive(serial(name, kernel.version), image)


def _make(name: str, kernel: Kernel, image: Path, progress: Progress) -> None:
    if not _folder(name).is_dir():
        progress(f"creating an installed {name} (once; some minutes)")
        # Its output tells what is wrong: it is for the user.
        done = subprocess.run([str(_MAKER), name], check=False)
        if done.returncode or not _folder(name).is_dir():
            raise LabError(f"{name} could not be created\n  try: qemu/debian.sh {name}, as root")
    progress(f"adding the modules of kernel {kernel.version} to {name}")
    with tempfile.TemporaryDirectory(dir=image.parent, prefix=".new-") as temporary:
        root = Path(temporary) / "root"
        # Links to the files: they cost neither time nor room.
        run(["cp", "--archive", "--link", str(_folder(name)), str(root)])
        _add_modules(root, kernel)
        _add_lab(root)
        making = Path(temporary) / "image"
        used = int(run(["du", "--summarize", "--block-size=1M", str(root)]).split()[0])
        command = ["mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-E", "root_owner=0:0"]
        run([*command, "-d", str(root), str(making), f"{used * 5 // 4 + 64}M"], hint="make setup")
        making.rename(image)


def _add_modules(root: Path, kernel: Kernel) -> None:
    target = root / "usr/lib/modules" / kernel.version
    without = {str(kernel.modules / "kernel" / path) for path in _WITHOUT}

    def left_out(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if f"{folder}/{name}" in without]

    shutil.copytree(kernel.modules, target, symlinks=True, ignore=left_out)
    run(["depmod", "-b", str(root / "usr"), kernel.version], hint="apt-get install kmod")


def _add_lab(root: Path) -> None:
    folder = root / _LAB.lstrip("/")
    folder.mkdir(parents=True)
    shutil.copyfile(FACTS, folder / "facts.sh")
    shutil.copyfile(INIT, folder / "init")
    (folder / "init").chmod(0o755)
    # Without one it would be the system's first boot (machine-id(5)). The file is a link to the
    # cached system's.
    (root / "etc/machine-id").unlink(missing_ok=True)
    (root / "etc/machine-id").write_text(_MACHINE_ID)
    _add_to_inittab(root / "etc/inittab")
    if (root / "etc/runit/runsvdir/default").is_dir():
        service = root / "etc/sv/initpy-lab"
        service.mkdir()
        (service / "run").write_text(_RUNIT)
        (service / "run").chmod(0o755)
        (root / "etc/runit/runsvdir/default/initpy-lab").symlink_to("/etc/sv/initpy-lab")
    units = root / "etc/systemd/system"
    for name, text in _UNITS.items() if units.is_dir() else ():
        (units / name).write_text(text)
        for target in _TARGETS:
            wants = units / f"{target}.wants"
            wants.mkdir(exist_ok=True)
            (wants / name).symlink_to(f"../{name}")


def _add_to_inittab(file: Path) -> None:
    """Have init of sysvinit report its start, and facts after the services (inittab(5))."""
    if file.is_file():
        text = file.read_text()
        file.unlink()  # a link to the cached system's
        begin, facts = f"lab1::sysinit:{_LAB}/init begin", f"lab2:2345:once:{_LAB}/init facts"
        file.write_text(f"{begin}\n{text.rstrip()}\n{facts}\n")
