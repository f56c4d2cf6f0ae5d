"""The table of excluded modules for the failure screen (R23)."""

from pathlib import Path

from initpy.image.kernel.excluded import table
from initpy.image.kernel.kmod import read_index


def test_the_table_has_the_aliases_of_excluded_storage_drivers(tmp_path: Path) -> None:
    (tmp_path / "modules.dep").write_text(
        "kernel/drivers/scsi/megaraid/megaraid_sas.ko.xz:\n"
        "kernel/drivers/nvme/host/nvme.ko:\n"
        "kernel/drivers/block/floppy.ko:\n"
        "kernel/sound/pci/snd-loud.ko:\n"
    )
    (tmp_path / "modules.alias").write_text(
        "# Aliases\n"
        "alias pci:v00001000d00000060sv*sd*bc*sc*i* megaraid_sas\n"
        "alias pci:v*d*sv*sd*bc01sc08i02* nvme\n"
        "alias acpi*:PNP0700:* floppy\n"
        "alias pci:v00001111d* snd-loud\n"
        "alias megaraid megaraid_sas\n"
    )
    index = read_index(tmp_path)
    left_out = table(index, ["kernel/drivers/nvme/host/nvme.ko"])
    assert left_out == b"pci:v00001000d00000060sv*sd*bc*sc*i* megaraid_sas\n"


def test_a_kernel_without_aliases_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "modules.dep").write_text("")
    assert table(read_index(tmp_path), ()) == b""
