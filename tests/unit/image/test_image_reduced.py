"""An image has only the lines of this machine's configuration that concern it (R27)."""

from initpy.config.crypttab import parse_crypttab
from initpy.image.content.reduced import crypttab, lvm_conf, mdadm_conf, modprobe_conf

LVM = """\
# This is an example
config {
\tchecks = 1
}
devices {
\t# comment
\tdir = "/dev"
\tglobal_filter = [ "a|/dev/sda[0-9]|",  # mine
\t\t"r|.*|" ]
\tfilter = ["a|.*|"]
\tuse_devicesfile = 1
}
activation/volume_list = [ "vg0" ]
global/event_activation = 1
"""


def test_a_generic_image_has_no_disks_and_volumes_of_this_machine() -> None:
    assert lvm_conf(LVM, own=False) == (
        'config {\nchecks = 1\n}\ndevices {\ndir = "/dev"\nuse_devicesfile = 1\n}\n'
        "global/event_activation = 1\n"
    )


def test_a_host_only_image_has_all_lines_but_comments() -> None:
    kept = lvm_conf(LVM, own=True)
    assert '"r|.*|" ]' in kept
    assert "volume_list" in kept
    assert "an example" not in kept


MDADM = """\
HOMEHOST <system>
MAILADDR root
progr /usr/sbin/telephone
POLICY action=spare
ARRAY /dev/md/0  metadata=1.2 UUID=d37be5c5:04c2c8b0:a5b33f56:0c1b0d2e
   name=here:0
ARRAY /dev/md/1 uuid=00000000:00000000:00000000:00000001 # another
array <ignore> UUID=00000000:00000000:00000000:00000002
"""


def test_a_generic_image_has_policies_and_no_arrays() -> None:
    assert mdadm_conf(MDADM, None) == "HOMEHOST <system>\nPOLICY action=spare\n"


def test_a_host_only_image_has_the_arrays_of_its_root() -> None:
    kept = mdadm_conf(MDADM, ["d37be5c5-04c2-c8b0-a5b3-3f560c1b0d2e"])
    assert kept.splitlines()[2:] == [
        "ARRAY /dev/md/0 metadata=1.2 UUID=d37be5c5:04c2c8b0:a5b33f56:0c1b0d2e name=here:0"
    ]


def test_modprobe_lines_follow_the_images_modules() -> None:
    text = (
        "# a comment\noptions scsi-mod scan=async\noptions kvm nested=1\nblacklist nouveau\n"
        "softdep raid1 pre: \\\n  md_mod\ninstall scsi_mod /bin/false\nalias net-pf-3 raid1\n"
    )
    assert modprobe_conf(text, {"scsi_mod", "raid1"}) == (
        "options scsi-mod scan=async\nsoftdep raid1 pre: md_mod\ninstall scsi_mod /bin/false\n"
        "alias net-pf-3 raid1\n"
    )


TABLE = """\
# name device key options
root UUID=1 none luks
data UUID=2 none luks,x-initrd.attach
old UUID=3 none luks,initramfs,
#root UUID=4 none luks
home UUID=5 none luks,x-initrd.attachment
root2 UUID=6 none luks
"""


def test_volumes_of_the_root_and_marked_ones_are_kept_with_their_line_numbers() -> None:
    kept = crypttab(TABLE, {"root"})
    volumes, _ = parse_crypttab("crypttab", kept)
    assert [volume.name for volume in volumes] == ["root", "data", "old"]
    assert kept.split("\n")[1] == "root UUID=1 none luks,x-initrd.attach"
    assert kept.count("\n") == TABLE.count("\n")


def test_without_names_only_marked_volumes_are_kept() -> None:
    kept = crypttab("a UUID=1 none luks\nb UUID=2 none luks,initramfs\n", ())
    assert kept == "\nb UUID=2 none luks,initramfs\n"


def test_without_a_visible_root_all_lines_are_kept_as_they_are() -> None:
    table = "a UUID=1 none luks,discard\nb UUID=2 /k luks\n# c\n"
    assert crypttab(table, (), others=True) == table.replace("# c", "")


def test_a_line_without_key_and_options_gets_the_mark() -> None:
    assert crypttab("root UUID=1", {"root"}) == "root UUID=1 none x-initrd.attach"
