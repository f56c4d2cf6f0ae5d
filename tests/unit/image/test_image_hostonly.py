"""A host-only image has the drivers of its root; a build without one of them fails (R27)."""

from dataclasses import replace
from pathlib import Path

import pytest
from fake_modules import make_modules
from fake_system import FakeSystem, nested, virtio_disk

from initpy.cli import main
from initpy.config.errors import InputError
from initpy.config.jobs import parse_job_file
from initpy.image.content.needs import load_jobs
from initpy.image.content.recipe import find_recipe, load_recipe, project_folder
from initpy.image.kernel.kmod import ModuleIndex, Want, read_index, select
from initpy.image.stack import hostonly
from initpy.image.stack.describe import describe
from initpy.image.stack.layers import Ask, Kind, Layer, Stack

MODULES = (
    ("kernel/fs/ext4.ko", ""),
    ("kernel/drivers/md/dm-mod.ko", ""),
    ("kernel/drivers/md/dm-crypt.ko", "dm_mod"),
    ("kernel/drivers/md/md-mod.ko", ""),
    ("kernel/drivers/md/raid1.ko", "md_mod"),
    ("kernel/drivers/md/raid10.ko", "md_mod"),
    ("kernel/crypto/aes_generic.ko", ""),
    ("kernel/arch/aesni-intel.ko", ""),
    ("kernel/drivers/crypto/padlock-aes.ko", ""),
    ("kernel/drivers/block/virtio_blk.ko", ""),
    ("kernel/drivers/virtio/virtio_pci.ko", ""),
    ("kernel/drivers/nvme/nvme.ko", ""),
)
ALIAS = """\
alias fs-ext4 ext4
alias md-raid1 raid1
alias crypto-aes aes_generic
alias crypto-aes aesni_intel
alias crypto-aes padlock_aes
alias virtio:d00000002v* virtio_blk
alias pci:v00001AF4d*sv*sd*bc*sc*i* virtio_pci
alias pci:v*d*sv*sd*bc01sc08i02* nvme
"""


def kernel(folder: Path, *, without: str = "", builtin: bytes = b"") -> ModuleIndex:
    modules = [(path, needs) for path, needs in MODULES if without not in path or not without]
    alias = "".join(
        line for line in ALIAS.splitlines(keepends=True) if not without or without not in line
    )
    modinfo = b"xts.alias=crypto-xts\0" + builtin
    return read_index(make_modules(folder, modules, alias=alias, modinfo=modinfo))


def names(index: ModuleIndex, stack: Stack) -> set[str]:
    selection = select(index, hostonly.drivers(stack, index).wanted)
    return {Path(path).stem for path in selection.paths}


def files(stack: Stack) -> set[str]:
    jobs = load_jobs([project_folder("jobs")])
    return {Path(file.source).stem for file in hostonly.chosen(jobs, stack, ())}


def test_the_drivers_of_the_layers_are_included_with_dependencies(tmp_path: Path) -> None:
    assert names(kernel(tmp_path), describe("/", nested())) == {
        "ext4", "dm-mod", "dm-crypt", "md-mod", "raid1", "aes_generic", "aesni-intel",
        "virtio_blk", "virtio_pci",
    }  # fmt: skip


def test_a_controllers_driver_is_found_by_its_modalias(tmp_path: Path) -> None:
    index = kernel(tmp_path)
    assert index.resolve("pci:v0000144Dd0000A808sv0000144Dsd0000A801bc01sc08i02") == ("nvme",)
    assert index.resolve("pci:v0000144Dd0000A808sv0000144Dsd0000A801bc02sc00i00") is None


def test_a_built_in_driver_needs_no_module(tmp_path: Path) -> None:
    index = kernel(tmp_path, without="virtio_blk", builtin=b"virtio_blk.alias=virtio:d00000002v*\0")
    found = hostonly.drivers(describe("/", nested()), index)
    assert found.missing == ()
    assert "virtio_blk" not in {want.what for want in found.wanted}


def test_a_layer_without_a_driver_is_missing_by_name(tmp_path: Path) -> None:
    found = hostonly.drivers(describe("/", nested()), kernel(tmp_path, without="virtio_blk"))
    assert {(item.name, item.wanted_by) for item in found.missing} == {
        ("virtio:d00000002v00001AF4", "virtio virtio1"),
        ("virtio:d00000002v00001AF4", "virtio virtio2"),
    }


def test_a_driver_built_in_on_the_machine_may_lack_a_name_here(tmp_path: Path) -> None:
    odd = Layer("bus:x", Kind.BUS, "odd", asks=(Ask(("acpi:ODD0001",), "odd", works=True),))
    stack = Stack("/", "6", "x86_64", ("bus:x",), (odd,))
    assert hostonly.drivers(stack, kernel(tmp_path)) == hostonly.Drivers((), ())


def test_renamed_modules_are_found_by_their_aliases(tmp_path: Path) -> None:
    ask = Ask(("fs-ext4",), "file system", using=("ext4_of_another_kernel",))
    top = Layer("fs:/", Kind.FILESYSTEM, "ext4", asks=(ask,))
    found = hostonly.drivers(Stack("/", "6", "x86_64", ("fs:/",), (top,)), kernel(tmp_path))
    assert found.wanted == (Want("ext4", "ext4"),)


def test_of_several_drivers_for_an_algorithm_the_loaded_ones_are_included(tmp_path: Path) -> None:
    stack = replace(describe("/", nested()), in_use=("aesni_intel", "ext4"))
    assert {"aesni-intel"} == {name for name in names(kernel(tmp_path), stack) if "aes" in name}


def test_a_group_with_beside_needs_a_loaded_module() -> None:
    recipe = load_recipe(find_recipe("host"))
    taken = [name for group in recipe.drivers for name in group.take]
    beside = {name: group.beside for group in recipe.drivers for name in group.take if group.beside}
    plain = describe("/", nested())

    def chosen(*in_use: str) -> set[str]:
        return set(hostonly.called_for(taken, beside, replace(plain, in_use=in_use)))

    assert {"atkbd", "xhci-pci"} <= chosen("ext4") and not chosen("ext4") & set(beside)
    assert chosen("ehci_hcd") - chosen("ext4") == {"ehci-pci", "ohci-pci", "uhci-hcd"}
    assert chosen("hv_vmbus") - chosen("ext4") == {"hyperv-keyboard"}
    assert chosen() == set(taken)  # no way to know


def test_fsck_programs_are_included_if_the_machine_has_the_file_system() -> None:
    has = files(describe("/", nested()))
    assert "fsck" in has and "fsck-other" not in has


def test_job_files_of_the_machines_layers_are_included() -> None:
    has = files(describe("/", nested()))
    assert {"luks", "lvm", "md", "root", "system"} <= has
    assert not has & {"btrfs", "bcache", "loop"}


def test_job_files_of_firmware_raid() -> None:
    system = FakeSystem()
    virtio_disk(system, "vda", 1, ID_FS_TYPE="isw_raid_member")
    system.array("md127", "9:127", "raid1", ["vda"], ID_FS_TYPE="ext4", ID_FS_UUID="7a0c")
    system.mount("/", "ext4", "/dev/md127", "9:127")
    assert {"md", "md-firmware"} <= files(describe("/", system))
    assert "md-firmware" not in files(describe("/", nested()))


def test_job_files_of_a_plain_disk() -> None:
    system = FakeSystem()
    virtio_disk(system, "vda", 1, ID_FS_TYPE="btrfs", ID_FS_UUID="7a0c", ID_BTRFS_READY="1")
    system.mount("/", "btrfs", "/dev/vda", "0:21")
    has = files(describe("/", system))
    assert {"btrfs", "root", "system"} <= has
    assert not has & {"luks", "lvm", "md", "network-links"}


def test_job_files_of_a_root_on_the_network() -> None:
    """R27: only an image that may need the network has what brings it up."""
    stack = describe("/", nested())
    link = Layer("net:ens3", Kind.NETWORK, "interface ens3", properties=(("SUBSYSTEM", "net"),))
    jobs = load_jobs([project_folder("jobs")])
    found = hostonly.chosen(jobs, replace(stack, layers=(*stack.layers, link)), ())
    assert "network-links" in {Path(each.source).stem for each in found}
    assert "network-links" not in files(stack)


def test_marks_of_the_engine_count_as_matched() -> None:
    file = parse_job_file(
        "mine.toml",
        'summary = "mine"\n[[job]]\nname = "mine"\ndoes = "it"\nrun = ["it"]\n'
        'match = { INITPY_CHECK = "*", ID_FS_TYPE = "ext4" }\nsuccess = { exit = true }\n',
    )
    stack = describe("/", nested())
    assert hostonly.is_for(file, stack)
    other = replace(stack, layers=stack.layers[-1:])
    assert not hostonly.is_for(file, other)
    assert hostonly.chosen([file], other, ["mine.toml"]) == (file,)


def test_volumes_and_arrays_of_the_stack() -> None:
    stack = describe("/", nested())
    assert hostonly.volumes(stack) == {"crypt"}
    layers = tuple(
        replace(each, properties=(*each.properties, ("MD_UUID", "a:b"))) if each.kind is Kind.MD
        else each for each in stack.layers
    )  # fmt: skip
    assert "a:b" in hostonly.arrays(replace(stack, layers=layers))


@pytest.mark.parametrize(("name", "host"), [("generic", False), ("host", True), ("minimal", True)])
def test_recipes_are_found_by_name(name: str, host: bool) -> None:
    assert load_recipe(find_recipe(name)).host is host


def test_an_unknown_recipe_is_an_error_that_names_the_recipes() -> None:
    with pytest.raises(InputError, match="generic, host, minimal"):
        find_recipe("hots")


def test_a_stack_needs_a_host_only_recipe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "stack.json"
    file.write_text(describe("/", nested()).to_json())
    assert main(["build", "--recipe", "generic", "--stack", str(file), "--dry-run"]) == 2
    assert "expected --host" in capsys.readouterr().err
    file.write_text("{}")
    assert main(["build", "--host", "--stack", str(file), "--dry-run"]) == 2
