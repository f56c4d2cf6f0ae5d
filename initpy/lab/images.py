"""Builds the images that the lab boots, once for each state of their sources."""

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from initpy.config.project import PROJECT
from initpy.image.build.build import build
from initpy.image.build.request import BuildRequest, can_take, with_recipe
from initpy.image.content.python import find_interpreter
from initpy.image.content.recipe import Recipe, load_recipe
from initpy.image.formats.compress import NONE
from initpy.image.formats.microcode import Microcode
from initpy.image.missing import IncompleteError
from initpy.image.process import ToolError, run
from initpy.image.stack.describe import describe
from initpy.image.stack.layers import Stack
from initpy.image.stack.system import Recorded
from initpy.lab import zfs
from initpy.lab.cache import cache_folder, digest, locked, prune, tree_digest, write_whole
from initpy.lab.errors import LabError, Progress
from initpy.lab.kernels import Kernel
from initpy.scenario.model import Variant
from initpy.scenario.parse import STACKS

MAKER_INIT = PROJECT / "qemu" / "maker.sh"
# Images contain neither initpy/lab nor initpy/simulation.
_ROOMS = ("core", "config", "runtime", "report", "cli", "image")
_SHARED = ("jobs", "rules", "build")
_PACKAGES = (
    "mdadm", "cryptsetup-bin", "lvm2", "dmsetup", "thin-provisioning-tools", "bcache-tools",
    "e2fsprogs", "btrfs-progs", "xfsprogs", "dosfstools", "fdisk", "squashfs-tools",
    "multipath-tools", "kpartx", "util-linux", "busybox-static", "udev", "kmod", "libc6",
)  # fmt: skip
# Packages whose programs go into images through job files of scenarios.
_OF_OWN_JOBS = ("nbd-client",)
MAKER_PROGRAMS = (
    "busybox", "kmod", "modprobe", "mdadm", "mdmon", "cryptsetup", "lvm", "dmsetup",
    "make-bcache", "/usr/sbin/sfdisk", "/usr/sbin/mke2fs", "/usr/sbin/mkfs.xfs",
    "/usr/sbin/mkfs.btrfs", "/usr/sbin/mkswap", "/usr/bin/mksquashfs", "/usr/bin/btrfs",
    "/usr/sbin/mkfs.vfat", "/usr/sbin/debugfs",
)  # fmt: skip
MAKER_DRIVERS = (
    "loop", "virtio_blk", "sd_mod", "drivers/md/", "ext4", "xfs", "btrfs", "vfat",
)  # fmt: skip
# Optional drivers: kernels differ in them, and User Mode Linux has no PCI.
MAKER_DRIVERS_IF_THERE = (
    "virtio_pci", "virtio_scsi", "virtio_rng",
    "nls_cp437", "nls_ascii", "nls_iso8859-1",
    "xts", "ecb", "cbc", "aes", "aes_generic", "sha256", "sha256_generic", "sha512",
    "sha512_generic", "crc32c", "crc32c_generic", "algif_skcipher", "algif_hash", "algif_aead",
    "aegis128", "authenc", "hmac",
)  # fmt: skip
GENERIC = Variant()
_MOST = 20  # cached images per kind, each about 20 MB; several checkouts may share the cache


def sources() -> list[Path]:
    """Return the files and folders of this checkout on which the content of images depends."""
    rooms = [PROJECT / "initpy" / room for room in _ROOMS]
    return [*rooms, PROJECT / "initpy" / "__init__.py", *(PROJECT / name for name in _SHARED)]


@cache  # called for every recipe; dpkg-query reads its whole database each time
def tool_versions(packages: Sequence[str] = _PACKAGES) -> str:
    """Return the versions of the Debian packages whose programs create disks or go into images."""
    try:
        # The name of the interpreter's package contains its version.
        program = str(find_interpreter().program)
        owner = run(["dpkg-query", "--search", program], hint="make setup").decode()
        python = owner.partition(":")[0]
        listing = run(["dpkg-query", "--show", *packages, python], hint="make setup")
    except ToolError as error:
        raise LabError(f"some tools are missing\n  try: make setup\n{error}") from error
    return listing.decode()


def maker_image(kernel: Kernel, progress: Progress, pools: bool = False) -> Path:
    """Build the image of the machine that creates disks: busybox and the real tools.

    `pools`: with the tools and the driver of ZFS, which `kernel` has then.
    """
    key = digest(
        [
            kernel.version.encode(),
            tool_versions().encode(),
            MAKER_INIT.read_bytes(),
            repr((MAKER_PROGRAMS, MAKER_DRIVERS, MAKER_DRIVERS_IF_THERE)).encode(),
            *((b"zfs",) if pools else ()),
        ]
    )
    more = zfs.PROGRAMS if pools else ()
    request = BuildRequest(
        kernel=kernel.version,
        modules=kernel.modules,
        output=cache_folder("images") / f"maker-{key}.img",
        jobs=(),
        programs=(*MAKER_PROGRAMS, *more),
        drivers=(*MAKER_DRIVERS, "zfs") if pools else MAKER_DRIVERS,
        recipe_drivers=MAKER_DRIVERS_IF_THERE,
        init=MAKER_INIT.read_bytes(),
        python=False,
        compression="none",
        level=None,
    )
    what = "the image of the machine that creates disks"
    return _cached("maker", request, what, progress, pools)


def _cached(
    kind: str, request: BuildRequest, what: str, progress: Progress, pools: bool = False
) -> Path:
    """Build the image unless it is cached; only one of several processes builds it."""
    with locked(f"{kind}-image"):
        if request.output.exists():
            os.utime(request.output)
            return request.output
        progress(f"building {what}")
        try:
            zfs.build_with_tools(request) if pools else build(request)
        except IncompleteError as error:
            raise LabError(f"cannot build an image\n  try: make setup\n{error}") from error
        prune(request.output.parent.glob(f"{kind}-*.img"), _MOST)
    return request.output


def image_under_test(kernel: Kernel, progress: Progress, variant: Variant = GENERIC) -> Path:
    """Build the generic image of this checkout, as `initpy build` does, or a variant of it."""
    without, pools = variant.without, "zfs" in variant.jobs
    if pools:
        kernel = zfs.with_driver(kernel, progress)
    given = os.environ.get("INITPY_LAB_IMAGE")
    if given:
        return Path(given)
    roots = sources()
    roots += [STACKS / f"{variant.host}.json"] if variant.host else []
    more = tool_versions(_OF_OWN_JOBS) if variant.own else ""
    name = "minimal" if variant.minimal else "host" if variant.host else "generic"
    recipe = load_recipe(PROJECT / "build" / f"{name}.toml")
    method = variant.compression or _usual_compression(kernel, recipe)
    key = tree_digest(roots, (kernel.version, tool_versions() + more, repr(variant), method))
    kind = "lacking" if without else "initpy" if variant == GENERIC else "variant"
    # The request of `initpy build` without parameters but the kernel.
    request = BuildRequest(
        kernel=kernel.version,
        modules=kernel.modules,
        output=cache_folder("images") / f"{kind}-{key}.img",
        jobs=(
            PROJECT / "jobs",
            *(PROJECT / "jobs/extra" / f"{each}.toml" for each in variant.jobs),
            *_own_jobs(variant),
        ),
    )
    request = with_recipe(request, recipe)
    if variant.host:
        request = replace(request, stack=recorded_stack(variant.host))
    if without:
        kept = tuple(name for name in request.recipe_drivers if name not in without)
        request = replace(
            request, recipe_drivers=kept, recipe_without=(*request.recipe_without, *without)
        )
    if variant.compression or method != recipe.compression:
        request = replace(request, compression=method, level=None)
    if variant.microcode:
        request = replace(request, microcode=Microcode(_made_up_microcode()))
    what = f"an image without {', '.join(without)}" if without else "the image under test"
    return _cached(kind, request, what, progress, pools)


def _usual_compression(kernel: Kernel, recipe: Recipe) -> str:
    """Return the method of `initpy build` without a parameter for it."""
    request = BuildRequest(kernel.version, kernel.modules, kernel.modules, ())
    taken = recipe.faster != NONE and can_take(request, recipe.faster)
    return recipe.faster if taken else recipe.compression


def _own_jobs(variant: Variant) -> list[Path]:
    """Write the job files of a scenario that have an [image] table, for `initpy build --job`."""
    found = []
    for name, text in variant.own:
        file = cache_folder("jobs", digest([text.encode()])) / name.rpartition("/")[2]
        write_whole(file, text.encode())
        found.append(file)
    return found


def recorded_stack(name: str) -> Stack:
    """Return the stack below a scenario's root, as recorded in its machine."""
    text = (STACKS / f"{name}.json").read_text(encoding="utf-8")
    return describe("/sysroot", Recorded(text, name))


def _made_up_microcode() -> Path:
    """Create a folder like /lib/firmware with microcode for processors that do not exist.

    Hosts without the vendors' packages must be able to run the tests too.
    """
    folder = cache_folder("microcode")
    for path, data in (
        ("intel-ucode/0f-ff-0f", b"\1\0\0\0".ljust(2048, b"\0")),
        ("amd-ucode/microcode_amd_fam7fh.bin", b"DMA\0".ljust(1000, b"\0")),
    ):
        file = folder / path
        file.parent.mkdir(exist_ok=True)
        write_whole(file, data)
    return folder
