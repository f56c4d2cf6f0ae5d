"""What of the root's own fstab is mounted before the handover (R1, R18)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initpy.config.fstab import checked_lines, parse_checks, parse_fstab, parse_root_mounts
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.settings import ExtraMount, OtherCheck

TABLE = r"""
# a comment
UUID=aaaa / ext4 errors=remount-ro 0 1
LABEL=my\040usr /usr/ ext4,xfs ro,noatime 0 2
/dev/vg/home /home ext4 defaults 0 2
PARTLABEL=opt /opt/a\040b auto defaults,x-initrd.mount
/dev/vg/var /var ext4 noauto,x-initrd.mount 0 0
/dev/vg/srv /srv ext4 nofail,x-initrd.mount 0 0
tmpfs /tmp tmpfs
short
"""


def test_usr_and_what_is_marked_is_wanted() -> None:
    found, problems = parse_fstab(TABLE)
    usr = DeviceSpec(Naming.LABEL, "my usr")
    opt = DeviceSpec(Naming.PARTLABEL, "opt")
    assert found == (
        ExtraMount("/usr", usr, ("ext4", "xfs"), ("ro", "noatime"), checked=True),
        ExtraMount("/opt/a b", opt, (), ("defaults", "x-initrd.mount")),
    )
    assert [str(each).partition(": expected")[0] for each in problems] == [
        "/etc/fstab of the root: line 7: /var: 'noauto'",
        "/etc/fstab of the root: line 8: /srv: 'nofail'",
    ]


def test_of_several_lines_for_a_place_the_first_counts() -> None:
    """systemd's fstab-generator: a unit file that is there already is kept."""
    text = "LABEL=a /usr ext4\nLABEL=b /usr/ ext4\ntmpfs /usr tmpfs\n"
    (found,), problems = parse_fstab(text)
    assert found.source == DeviceSpec(Naming.LABEL, "a")
    assert parse_root_mounts(text) == ()
    assert [str(each).partition(": ")[2] for each in problems] == [
        "line 2: /usr: 'LABEL=b': expected a place that no line before has; the first line counts",
        "line 3: /usr: 'tmpfs': expected a place that no line before has; the first line counts",
    ]


@pytest.mark.parametrize(
    ("options", "mounted"),
    [
        ("x-initrd.mount", True),
        ("x-initrd.mount=yes", True),
        ("X-initrd.mount", False),
        ("x-initrd.mount,nofail", False),
        ("x-initrd.mount,nofail,fail", True),
        ("fail,nofail,x-initrd.mount", False),
        ("noauto,auto,x-initrd.mount", True),
        ("noauto=1,x-initrd.mount", False),
    ],
)
def test_of_an_option_and_its_opposite_the_last_counts(options: str, mounted: bool) -> None:
    """fstab_filter_options() of systemd"""
    assert bool(parse_fstab(f"LABEL=a /srv ext4 {options}\n")[0]) is mounted
    assert bool(parse_root_mounts(f"/a /srv none bind,{options}\n")) is mounted


@pytest.mark.parametrize("option", ["nofail", "noauto", "nofail,x-initrd.mount", "noauto,nofail"])
def test_usr_is_wanted_whatever_its_options_allow(option: str) -> None:
    (found,), problems = parse_fstab(f"UUID=aaaa /usr ext4 defaults,{option} 0 2\n")
    assert (found.target, problems) == ("/usr", ())


def test_what_cannot_be_mounted_here_is_named_with_its_line() -> None:
    found, problems = parse_fstab("server:/usr /usr nfs defaults 0 0\n")
    assert found == ()
    [problem] = map(str, problems)
    assert problem.startswith("/etc/fstab of the root: line 1: /usr: 'server:/usr': expected UUID=")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("/dev/sda2:/dev/sdb2 /usr bcachefs defaults 0 0", "; not mounted here"),
        ("UUID=aaaa /usr ext4 ro,X-mount.subdir=usr 0 2", "without X-mount.subdir=; not mounted"),
        ("UUID=aaaa /srv ext4 x-initrd.mount,X-mount.idmap=b:0:1:2", "without X-mount.idmap=; not"),
        ("UUID=aaaa /usr erofs verity.roothash=12 0 0", "without verity.roothash=; not mounted"),
    ],
)
def test_what_only_mount_8_could_mount_is_named(line: str, said: str) -> None:
    found, (problem,) = parse_fstab(f"{line}\n")
    assert (found, parse_root_mounts(line)) == ((), ())
    assert said in str(problem)


@pytest.mark.parametrize(
    ("fields", "checked"),
    [
        ("defaults 0 1", True),
        ("defaults 0 0", False),
        ("defaults 0 00", False),
        ("defaults 0 -1", True),  # systemd and fsck(8) take any number but 0
        ("defaults 0 +1", True),
        ("defaults 0 2x", True),
        ("defaults 0 0x2", False),
        ("defaults x 2", False),
        ("defaults 1x 2", False),
        ("defaults 0 yes", False),
        ("defaults # a comment", False),
        ("defaults", False),
    ],
)
def test_the_sixth_field_is_a_number(fields: str, checked: bool) -> None:
    (found,), problems = parse_fstab(f"LABEL=usr /usr ext4 {fields}\n")
    assert (found.checked, problems) == (checked, ())


CHECKED = r"""
UUID=aaaa / ext4 errors=remount-ro 0 1
UUID=bbbb /usr ext4 defaults 0 2
UUID=cccc /var ext4 x-initrd.mount 0 2
UUID=dddd /home ext4 defaults,nofail,comment=secret 0 2
LABEL=my\040boot /boot/efi vfat umask=0077 0 1
/dev/vg/later /later ext4 noauto 0 2
/dev/vg/auto /auto ext4 x-systemd.automount 0 2
/dev/vg/net /net ext4 _netdev 0 2
/dev/vg/srv /srv ext4 defaults 0 0
/dev/vg/opt /opt ext4 defaults
server:/export /export nfs defaults 0 2
UUID=eeee none swap sw 0 2
"""


def test_r19_what_only_the_real_system_mounts_is_checked_if_it_says_so() -> None:
    home = OtherCheck("/home", DeviceSpec(Naming.UUID, "dddd"))
    efi = OtherCheck("/boot/efi", DeviceSpec(Naming.LABEL, "my boot"))
    assert parse_checks(CHECKED) == (home, efi)


def test_an_image_has_only_these_lines_and_no_options() -> None:
    kept = checked_lines(CHECKED)
    assert kept.splitlines()[0] == "UUID=dddd /home ext4 defaults 0 2"
    assert "secret" not in kept and "umask" not in kept
    assert parse_checks(kept) == parse_checks(CHECKED)
    assert parse_fstab(kept) == ((), ())


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    parse_checks(text)
    parse_checks(f"{text} /home {text} {text} 0 2")
    parse_fstab(text)
    parse_fstab(f"{text} /usr {text} {text}")


@pytest.mark.parametrize(
    ("line", "wanted", "said"),
    [
        ("ID=ata-X /usr ext4 defaults", "/dev/disk/by-id/ata-X", ""),
        ("\ufeffUUID=a /usr ext4 defaults\r", "UUID=a", ""),
        ("UUID=a /usr ext4 defaults,x=\x85,ro 0 2", "UUID=a", ""),
        ("UUID=a none swap sw,x-initrd.mount 0 0", "", ""),
        ("UUID=a swap swap x-initrd.mount 0 0", "", ""),
        ("//host/share /var cifs x-initrd.mount 0 0", "", "not mounted here"),
        ("host:/share /var nfs x-initrd.mount 0 0", "", "not mounted here"),
    ],
)
def test_lines_that_users_reported(line: str, wanted: str, said: str) -> None:
    mounts, problems = parse_fstab(line + "\n")
    assert [str(each.source) for each in mounts] == ([wanted] if wanted else [])
    assert [said in str(each) for each in problems] == ([True] if said else [])
    assert parse_root_mounts(line + "\n") == ()


def test_options_have_escapes_too() -> None:
    """As libmount undoes them: the kernel looks for a subvolume by its name."""
    line = r"LABEL=x /usr btrfs subvol=my\040usr,x-systemd.device-timeout=1min\04030s"
    (wanted,), problems = parse_fstab(line)
    assert (wanted.flags[0], wanted.limit, problems) == ("subvol=my usr", 90.0, ())


def test_only_blanks_and_tabs_part_the_fields() -> None:
    """No-break spaces and the like belong to a label; octal escapes are bytes of it."""
    line = "LABEL=a\u00a0b\\303\\244\t/usr\u2003x  ext4 x-initrd.mount\r\n"
    (wanted,), problems = parse_fstab(line)
    assert (wanted.source.value, wanted.target, problems) == ("a\u00a0bä", "/usr\u2003x", ())


@pytest.mark.parametrize(
    ("line", "mounted", "said"),
    [
        # Places as libmount and systemd read them.
        ("LABEL=u /usr/. ext4", ["/usr"], ""),
        ("LABEL=u /./usr// ext4", ["/usr"], ""),
        ("LABEL=u /srv/./a/ ext4 x-initrd.mount", ["/srv/a"], ""),
        # Hidden by what comes from the initramfs.
        ("LABEL=u /proc/sys ext4 x-initrd.mount", [], "outside /dev, /proc, /sys and /run"),
        ("/dev/sda1 /run/host ext4 x-initrd.mount", [], "outside /dev, /proc, /sys and /run"),
        ("proc /proc proc x-initrd.mount", [], ""),
        ("devpts /dev/pts devpts x-initrd.mount", [], ""),
        ("tmpfs /run/lock tmpfs x-initrd.mount", [], ""),
        ("LABEL=u /running ext4 x-initrd.mount", ["/running"], ""),
        # A source that is a path, and no file with a file system.
        ("/a:/b /m fuse.mergerfs x-initrd.mount", [], "not mounted here"),
        ("/etc/auto.x /m autofs x-initrd.mount", [], "not mounted here"),
        ("s3fs#bucket /m fuse x-initrd.mount", [], "not mounted here"),
        ("tag /usr virtiofs ro", [], "not mounted here"),
        # Options of systemd's own tests: the real system acts on them.
        ("/dev/a /m auto x-initrd.mount,x-systemd.mount-timeout=10m,x-systemd.growfs", ["/m"], ""),
        ("/dev/a /m auto x-initrd.mount,x-systemd.wanted-by=foo.service", ["/m"], ""),
        ("/dev/a /m ext4 x-initrd.mount,x-systemd.rw-only,x-systemd.makefs", ["/m"], ""),
        ("/dev/a /usr", ["/usr"], ""),
        ("/dev/a not-a-path ext4 x-initrd.mount", [], ""),
    ],
)
def test_lines_of_other_projects_tests(line: str, mounted: list[str], said: str) -> None:
    wanted, problems = parse_fstab(line)
    targets = [each.target for each in wanted]
    assert targets + [each.target for each in parse_root_mounts(line)] == mounted
    assert [said in str(each) for each in problems] == [True] * bool(said)


@pytest.mark.parametrize(
    ("table", "order"),
    [
        # NixOS: an overlay on memory; the order of lines says nothing (systemd-fstab-generator(8)).
        (
            """overlay /srv/store overlay upperdir=/srv/rw/up,workdir=/srv/rw/w,x-initrd.mount
            tmpfs /srv/rw tmpfs x-initrd.mount
            /srv/rw/lib /lib none bind,x-initrd.mount""",
            ["/srv/rw", "/lib", "/srv/store"],
        ),
        ("/a/b/c /d none bind,x-initrd.mount\ntmpfs /a/b tmpfs x-initrd.mount", ["/a/b", "/d"]),
        (
            "/x/a.img /y ext4 loop,x-initrd.mount,x-systemd.requires-mounts-for=/z\n"
            "tmpfs /z tmpfs x-initrd.mount\n/w /x none bind,x-initrd.mount",
            ["/z", "/x", "/y"],
        ),
        ("overlay /etc overlay lowerdir=/a:/etc,x-initrd.mount\ntmpfs /ab tmpfs x-initrd.mount",
         ["/etc", "/ab"]),
        ("/a /b none bind,x-initrd.mount\n/b /a none bind,x-initrd.mount", ["/b", "/a"]),
    ],
)  # fmt: skip
def test_a_mount_comes_after_what_it_stands_on(table: str, order: list[str]) -> None:
    assert [each.target for each in parse_root_mounts(table)] == order
