"""An image has only the lines of this machine's configuration that concern it (R27)."""

import pytest

from initpy.config.crypttab import parse_crypttab
from initpy.image.content import mdadmconf, multipathconf
from initpy.image.content.mdadmconf import Known
from initpy.image.content.reduced import (
    crypttab,
    lvm_conf,
    lvm_settings,
    modprobe_conf,
    modprobe_forbidden,
)

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


def test_a_portable_image_has_no_system_id() -> None:
    """lvmsystemid(7)"""
    text = (
        'global {\nsystem_id_source = "lvmlocal"\n}\n'
        'local {\nsystem_id = "a"\nextra_system_ids = [ "b",\n"c" ]\n}\n'
    )
    assert lvm_conf(text, own=False, portable=True) == "global {\n}\nlocal {\n}\n"
    assert lvm_conf(text, own=False) == text


ID = "15266e43:c7bf5d06:fb348b96:f173b958"
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


def test_a_portable_image_has_policies_and_nothing_of_one_machine() -> None:
    assert mdadmconf.reduced(MDADM, own=False) == "HOMEHOST <system>\nPOLICY action=spare\n"
    named = (
        "HOMEHOST here\nHOMEHOST <ignore>\nDEVICE /dev/sd*\nDEV partitions\nauto -all\nCREATE a\n"
    )
    kept = "HOMEHOST <ignore>\nDEV partitions\nCREATE a\n"
    assert mdadmconf.reduced(named, own=False) == kept


def test_a_policy_of_the_machine_does_not_keep_mdadm_from_its_root() -> None:
    """mdadm.conf(5): AUTO and DEVICE. Other arrays stay alone, as the machine says."""
    text = "DEVICE /dev/sd*\nAUTO -all\nARRAY <ignore> UUID=00000000:00000000:00000000:00000002\n"
    root = ["d37be5c5:04c2c8b0:a5b33f56:0c1b0d2e"]
    kept = mdadmconf.reduced(text, own=True, arrays=root, whole=False)
    line = f"ARRAY UUID={root[0]}"
    assert kept.splitlines()[0] == "AUTO -all"
    assert kept.splitlines()[-1] == line
    assert mdadmconf.left_out(text, kept) == ("DEVICE /dev/sd*",)
    assert "DEVICE /dev/sd*" in mdadmconf.reduced(text, own=True, arrays=root).splitlines()
    assert line in mdadmconf.reduced(text, own=True, arrays=root).splitlines()
    # Which arrays the root has is not known: each may be it.
    kept = mdadmconf.reduced(text, own=True, whole=False)
    assert mdadmconf.left_out(text, kept) == ("DEVICE /dev/sd*", "AUTO -all")


@pytest.mark.parametrize(
    ("auto", "metadata", "starts"),
    [
        ("", "1.2", True),
        ("-all", "1.2", False),
        ("+1.x -all", "1.2", True),
        ("+1.x -all", "imsm", False),
        ("homehost -all", "1.2", True),  # of any host, as mdadm -I does
        ("-0.90 +all", "0.90", False),
        ("-0.90 +all", "1.0", True),
        ("no", "1.2", False),
        ("homehost no", "1.2", True),
        ("homehost", "1.2", True),
        ("-all homehost", "1.2", False),
        ("+1.2 -all", "1.0", True),
        ("+1 -all", "1.2", True),
        ("-0 yes", "0.90", False),
        ("-all\nAUTO +all", "1.2", False),  # the first line counts
        ("+all\nAUTO -all", "1.2", True),
    ],
)
def test_which_arrays_auto_leaves_alone(auto: str, metadata: str, starts: bool) -> None:
    found = mdadmconf.read([f"AUTO {auto}\n"])
    assert found.assembles(metadata) is starts


def test_which_devices_mdadm_looks_at() -> None:
    found = mdadmconf.read(["DEVICE /dev/sd* containers\n"])
    assert [found.permits([each]) for each in ("/dev/sda1", "/dev/nvme0n1")] == [True, False]
    assert mdadmconf.read(["DEVICE /dev/sd* partitions\n"]).permits(["/dev/nvme0n1"])


def test_a_blacklist_does_not_keep_a_driver_from_root() -> None:
    text = "blacklist nvme\nblacklist floppy\ninstall dm-crypt /bin/false\noptions nvme x=1\n"
    kept = modprobe_conf(text, {"nvme", "floppy", "dm_crypt"}, {"nvme", "dm_crypt"})
    assert kept == "blacklist floppy\noptions nvme x=1\n"
    assert modprobe_forbidden(text, {"nvme"}) == ("blacklist nvme",)


def test_the_settings_that_a_generic_image_leaves_out_are_told() -> None:
    assert lvm_settings(LVM, lvm_conf(LVM, own=False)) == (
        "filter", "global_filter", "volume_list",
    )  # fmt: skip


def test_the_image_of_a_described_machine_has_the_arrays_of_its_root() -> None:
    kept = mdadmconf.reduced(MDADM, own=False, arrays=["d37be5c5-04c2-c8b0-a5b3-3f560c1b0d2e"])
    assert kept.splitlines()[2:] == [
        "ARRAY /dev/md/0 metadata=1.2 UUID=d37be5c5:04c2c8b0:a5b33f56:0c1b0d2e name=here:0"
    ]


def test_the_machines_own_image_has_all_but_the_monitors_settings() -> None:
    """R36: an array that ARRAY lines leave out would get another name than on the real system."""
    kept = mdadmconf.reduced(f"{MDADM}DEVICE /dev/sd*\n", own=True).splitlines()
    assert [line.split()[0] for line in kept] == [
        "HOMEHOST", "POLICY", "ARRAY", "ARRAY", "array", "DEVICE",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "host", "required"),
    [
        ("", None, True),
        ("HOMEHOST <system>\n", None, True),
        ("homehost here\nHOMEHOST there\n", "here", True),
        ("HOMEHOST <ignore> <system>\n", None, False),
        ("HOMEHOST here\n <ignore>\n", "here", False),
        ("HOMEHOST <none>\n", "", False),
        ("HOMEHOST ''\n", "", False),
    ],
)
def test_whose_host_the_configuration_names(text: str, host: str | None, required: bool) -> None:
    found = mdadmconf.read([text])
    assert (found.host, found.required) == (host, required)


def test_an_array_line_matches_by_all_that_it_says() -> None:
    found = mdadmconf.read([MDADM])
    (line,) = found.lines_of(Known("d37be5c5-04c2c8b0-a5b33f56-0c1b0d2e", "here:0"), "/dev/sda")
    assert line.device == "/dev/md/0"
    other = Known("d37be5c5-04c2c8b0-a5b33f56-0c1b0d2e", "there:0")
    assert found.lines_of(other, "/dev/sda") == ()
    assert found.lines_of(other, "/dev/sda", names=False) == (line,)  # mdadm 4.3 and later
    (ignored,) = found.lines_of(Known("00000000000000000000000000000002", ""), "/dev/sda")
    assert ignored.ignores


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


def test_the_files_that_multipath_conf_names() -> None:
    text = """defaults {
        config_dir "/etc/multipath/more"
        # config_dir /etc/old
        bindings_file /etc/mp/bindings
        user_friendly_names yes
    }
    """
    assert [*multipathconf.files(text)] == ["/etc/multipath/more", "/etc/mp/bindings"]


def test_an_array_line_that_is_there_twice_is_taken_once() -> None:
    text = f"ARRAY /dev/md0 UUID={ID}\nARRAY /dev/md/0 metadata=1.2 UUID={ID} name=h:0\n"
    assert mdadmconf.reduced(text, own=True) == f"ARRAY /dev/md0 UUID={ID}\n"
    narrow = f"ARRAY /dev/md0 UUID={ID} devices=/dev/sdz\nARRAY /dev/md0 UUID={ID}\n"
    assert mdadmconf.reduced(narrow, own=True) == narrow
    useless = "ARRAY /dev/md0 UUID=bad\nARRAY /dev/md0 UUID=bad\n"  # mdadm says so itself
    assert mdadmconf.reduced(useless, own=True) == useless


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (f'ARRAY /dev/md/a name="host:my data" UUID={ID}\n', "host:my data"),
        (f"ARRAY /dev/md/a name=host:a#1 UUID={ID} # mine\n", "host:a#1"),
        (f'"ARR"AY /dev/md/a na"me=host:my data\n\n# c\n \'UUID\'={ID}\n', "host:my data"),
        (f"ARRAY /dev/md/a UUID=bad uuid={ID} uuid={'0' * 32} name=host:a\n", "host:a"),
        (f"ARRAY /dev/md/a UUID={ID} 'name=#\"a b'\"'\"\n", "#\"a b'"),
    ],
)
def test_lines_of_mdadm_conf_as_mdadm_reads_them(text: str, name: str) -> None:
    (line,) = mdadmconf.read([text]).arrays
    assert (line.device, line.name, line.uuid) == ("/dev/md/a", name, ID.replace(":", ""))
    # The same, when the image has it.
    assert mdadmconf.read([mdadmconf.reduced(text, own=True)]).arrays == (line,)


@pytest.mark.parametrize(
    "text",
    [
        f"ARRAY /dev/md/a\r\n   name=host:a\r\n   UUID='{ID}'\r\n",
        f"\ufeffarray /dev/md/a UUID={ID} name=host:a\n#ARRAY /dev/md/b UUID=c\n",
    ],
)
def test_the_image_has_no_marks_of_other_systems_in_mdadm_conf(text: str) -> None:
    """mdadm of the real system takes them for part of a word, and knows no such array."""
    assert all(line.uuid == "" for line in mdadmconf.read([text]).arrays)
    (line,) = mdadmconf.read([mdadmconf.reduced(text, own=True)]).arrays
    assert (line.device, line.name, line.uuid) == ("/dev/md/a", "host:a", ID.replace(":", ""))


@pytest.mark.parametrize(
    ("text", "left", "gone"),
    [
        ('devices { filter = [ "r|{.*}|" ] }\n', "devices {\n}\n", ("filter",)),
        (
            'devices { filter = [ "r|}|", # "{"\n "a|x|" ] }\nlog { level = 1 }\n',
            "devices {\n}\nlog {\nlevel = 1\n}\n",
            ("filter",),
        ),
        ('# devices { filter = 1 }\nglobal { system_id = "x" }', "global {\n}\n", ("system_id",)),
        ('devices { filter = "', "devices {\n", ("filter",)),
    ],
)
def test_a_section_of_lvm_in_one_line(text: str, left: str, gone: tuple[str, ...]) -> None:
    assert lvm_conf(text, own=False, portable=True) == left
    assert lvm_settings(text, left) == gone
