"""What the parameters mean, and that a typing error costs its parameter and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initpy.config.settings import HANDLERS, read_settings
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.layer import Layer
from initpy.core.settings import BreakPoint, Degraded, Emergency, LayerPolicy, RootMount, Settings
from initpy.core.volumes import HeaderSpec, KeySpec, VolumeSpec

ONE = "3b1f4c52-6f0e-4c56-8f55-2f4a3a9b0001"
TWO = "3b1f4c52-6f0e-4c56-8f55-2f4a3a9b0002"
ARRAY = "f1f2f3f4:a1a2a3a4:b1b2b3b4:c1c2c3c4"
SOURCE = DeviceSpec(Naming.UUID, ONE)
STICK = DeviceSpec(Naming.LABEL, "stick")
BIN = "/crypto_keyfile.bin"
DISCARD = "--allow-discards"


def understood(command_line: str, table: str | None = None) -> Settings:
    """The settings of a command line in which everything is right."""
    settings, problems = read_settings(command_line, table)
    assert [str(each) for each in problems] == []
    return settings


def complaints(command_line: str, table: str | None = None) -> list[str]:
    """What is wrong with a command line."""
    return [str(each) for each in read_settings(command_line, table)[1]]


def test_an_empty_command_line_gives_the_defaults() -> None:
    """R6: 90 s, R7: 30 s, R8: degraded starts are allowed."""
    settings = understood("")
    assert settings.root == DeviceSpec(Naming.GPT_AUTO, "")
    assert (settings.root_wait, settings.md_timeout) == (90.0, 30.0)
    assert settings.md_degraded is Degraded.YES
    assert (settings.shell, settings.emergency) == (True, Emergency.WAIT)
    assert all(
        settings.layer(each) == LayerPolicy() or settings.layer(each).enabled for each in Layer
    )


def test_parameters_of_others_are_none_of_our_business() -> None:
    understood("BOOT_IMAGE=/vmlinuz console=ttyS0 splash systemd.unit=x rd.udev.log_level=3")


@pytest.mark.parametrize(
    ("line", "mount"),
    [
        ("", RootMount()),
        ("ro", RootMount(writable=False)),
        ("rw", RootMount(writable=True)),
        ("ro rw", RootMount(writable=True)),  # the last one wins
        ("rw ro", RootMount(writable=False)),
        ("rootfstype=ext4", RootMount(("ext4",))),
        ("rootfstype=ext4,xfs", RootMount(("ext4", "xfs"))),
        ("rootfstype=auto", RootMount()),
        ("rootfstype=,", RootMount()),
        ("rootflags=subvol=@,noatime rw", RootMount((), ("subvol=@", "noatime"), True)),
        # systemd's fstab-generator: ro and rw go before those among rootflags=.
        ("rootflags=rw,noatime", RootMount((), ("noatime",), True)),
        ("ro rootflags=rw", RootMount(writable=False)),
        ("rootflags=ro rw", RootMount(writable=True)),
        ("ro rootflags=rw,ro", RootMount(writable=False)),
    ],
)
def test_how_root_is_mounted(line: str, mount: RootMount) -> None:
    """R18."""
    assert understood(line).mount == mount


@pytest.mark.parametrize(
    ("line", "flags"),
    [
        ("rootflags=subvol=a rootflags=noatime", ("subvol=a", "noatime")),
        ("rootflags=subvol=a,noatime rootflags=subvol=b", ("noatime", "subvol=b")),
        ("rootflags=device=/dev/a rootflags=device=/dev/b", ("device=/dev/a", "device=/dev/b")),
    ],
)
def test_mount_options_given_twice_are_joined_and_a_line_says_so(
    line: str, flags: tuple[str, ...]
) -> None:
    settings, problems = read_settings(line)
    assert settings.mount.flags == flags
    [problem] = map(str, problems)
    assert problem.startswith("command line: rootflags: ")
    assert problem.endswith(
        "expected it once; all count, joined, and of an option in several lists the last"
    )


def test_the_last_root_wins() -> None:
    """Debian gives it twice: `root=iscsi:… root=UUID=…`."""
    settings, problems = read_settings("root=iscsi:server root=LABEL=a root=LABEL=b")
    assert settings.root == DeviceSpec(Naming.LABEL, "b")
    assert len(problems) == 1


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        ("rd.timeout=20", 20.0),
        ("rootdelay=20", 20.0),
        ("rootdelay=0", None),
        ("rd.timeout=0", None),
        ("rootwait=20", 20.0),
        ("rd.timeout=0", None),
        ("rootwait", None),  # the kernel's: indefinitely
        ("rd.timeout=30 rd.timeout=10", 10.0),  # the last one wins
        ("rd.timeout=0 rd.timeout=10", 10.0),
        ("rd.timeout=10 rootdelay=20", 20.0),  # of several kinds the longest
        ("rootdelay=20 rd.timeout=10", 20.0),
        ("rootdelay=20 rootwait", None),
    ],
)
def test_the_root_wait(line: str, seconds: float | None) -> None:
    """R6: `rd.timeout`, `rootwait=`, `rootdelay=` are honoured as wait; 0 = forever."""
    assert understood(line).root_wait == seconds


@pytest.mark.parametrize(
    ("line", "how", "delay", "shell"),
    [
        ("", Emergency.WAIT, 0.0, True),
        ("panic=0", Emergency.WAIT, 0.0, False),
        ("panic=0 rd.shell=1", Emergency.WAIT, 0.0, False),
        ("panic=5", Emergency.REBOOT, 5.0, False),
        ("panic=-1", Emergency.REBOOT, 0.0, False),
        ("panic=5 panic=0", Emergency.WAIT, 0.0, False),  # the last one wins
        ("rd.shell=0", Emergency.WAIT, 0.0, False),
        ("rd.shell=0 rd.shell", Emergency.WAIT, 0.0, True),
        ("rd.emergency=poweroff", Emergency.POWEROFF, 10.0, False),
        ("rd.emergency=reboot", Emergency.REBOOT, 10.0, False),
        ("rd.emergency=halt panic=3", Emergency.HALT, 3.0, False),
        ("panic=3 rd.emergency=halt", Emergency.HALT, 3.0, False),
        # Who made the machine reboot by itself does not want a shell there (Debian's rule).
        ("panic=5 rd.shell=1", Emergency.REBOOT, 5.0, False),
        ("rd.shell=1 panic=5", Emergency.REBOOT, 5.0, False),
    ],
)
def test_what_a_failure_leads_to(line: str, how: Emergency, delay: float, shell: bool) -> None:
    """R24: the shell is gated by `rd.shell`, `rd.emergency=`, `panic=`."""
    settings = understood(line)
    found = settings.emergency, settings.emergency_delay, settings.shell
    assert found == (how, delay, shell)


@pytest.mark.parametrize(
    ("line", "policy"),
    [
        ("rd.md.degraded=no", Degraded.NO),
        ("rd.md.degraded=no rd.md.degraded=yes", Degraded.YES),
        ("bootdegraded=false", Degraded.NO),  # Ubuntu's
        ("bootdegraded=true", Degraded.YES),
        ("bootdegraded", Degraded.YES),
    ],
)
def test_degraded_starts(line: str, policy: Degraded) -> None:
    """R8."""
    assert understood(line).md_degraded is policy


@pytest.mark.parametrize(
    ("line", "layer", "enabled", "named"),
    [
        ("rd.md=0", Layer.MD, False, set()),
        ("rd.md=0 rd.md=1", Layer.MD, True, set()),
        ("rd.lvm=no", Layer.LVM, False, set()),
        ("rd.luks=0", Layer.LUKS, False, set()),
        ("luks=no", Layer.LUKS, False, set()),
        (f"rd.md.uuid={ARRAY}", Layer.MD, True, {ARRAY}),
        (f"rd.md.uuid={ONE}", Layer.MD, True, {ONE}),
        ("rd.lvm.vg=a rd.lvm.vg=b", Layer.LVM, True, {"a", "b"}),
        ("rd.lvm.lv=vg0/root", Layer.LVM, True, {"vg0"}),
    ],
)
def test_layers_are_switched_off_or_narrowed_down_by_name(
    line: str, layer: Layer, enabled: bool, named: set[str]
) -> None:
    """R1."""
    policy = understood(line).layer(layer)
    assert (policy.enabled, set(policy.named)) == (enabled, named)


def test_a_layer_that_is_off_says_by_which_parameter() -> None:
    assert understood("rd.lvm=0").layer(Layer.LVM).by == "rd.lvm=0"


@pytest.mark.parametrize(
    ("line", "volume"),
    [
        (f"rd.luks.uuid={ONE}", VolumeSpec(SOURCE, f"luks-{ONE}")),
        (f"luks.uuid={ONE}", VolumeSpec(SOURCE, f"luks-{ONE}")),
        (f"rd.luks.uuid=luks-{ONE}", VolumeSpec(SOURCE, f"luks-{ONE}")),  # dracut's form
        (f"rd.luks.uuid={ONE.upper()}", VolumeSpec(SOURCE, f"luks-{ONE}")),
        (f"rd.luks.name={ONE}=crypt", VolumeSpec(SOURCE, "crypt")),
        (f"rd.luks.name={ONE}=crypt rd.luks.uuid={ONE}", VolumeSpec(SOURCE, "crypt")),
        (f"rd.luks.uuid={ONE} rd.luks.key=/k", VolumeSpec(SOURCE, f"luks-{ONE}", KeySpec("/k"))),
        (
            f"rd.luks.key={ONE}=/k rd.luks.uuid={ONE}",
            VolumeSpec(SOURCE, f"luks-{ONE}", KeySpec("/k")),
        ),
        (
            f"rd.luks.name={ONE}=c rd.luks.options=discard,tries=2",
            VolumeSpec(SOURCE, "c", None, (DISCARD,), 2),
        ),
        (
            f"rd.luks.name={ONE}=c rd.luks.options={ONE.upper()}=tries=2,nofail",
            VolumeSpec(SOURCE, "c", None, (), 2, True),
        ),
        (
            f"rd.luks.name={ONE}=c rd.luks.allow-discards",
            VolumeSpec(SOURCE, "c", None, (DISCARD,)),
        ),
        (
            f"rd.luks.name={ONE}=c rd.luks.allow-discards={ONE}",
            VolumeSpec(SOURCE, "c", None, (DISCARD,)),
        ),
        # "_" and "-" are the same in a parameter's name.
        (
            f"rd.luks.name={ONE}=c rd.luks.allow_discards",
            VolumeSpec(SOURCE, "c", None, (DISCARD,)),
        ),
        # In either order.
        (
            f"rd.luks.allow-discards rd.luks.options=tries=2 rd.luks.name={ONE}=c",
            VolumeSpec(SOURCE, "c", None, (DISCARD,), 2),
        ),
        (f"cryptdevice=UUID={ONE}:c", VolumeSpec(SOURCE, "c", usual_key=BIN)),  # Arch's
        (
            f"cryptdevice=UUID={ONE}:c:allow-discards,no-read-workqueue",
            VolumeSpec(SOURCE, "c", None, (DISCARD, "--perf-no_read_workqueue"), usual_key=BIN),
        ),
        (
            f"cryptdevice=UUID={ONE}:c cryptkey=LABEL=stick:auto:/k",
            VolumeSpec(SOURCE, "c", KeySpec("/k", STICK), usual_key=BIN),
        ),
        (
            f"cryptkey=LABEL=stick:vfat:/k cryptdevice=UUID={ONE}:c",
            VolumeSpec(SOURCE, "c", KeySpec("/k", STICK, ("vfat",)), usual_key=BIN),
        ),
        (
            f"cryptdevice=UUID={ONE}:c cryptkey=LABEL=stick:512:64",
            VolumeSpec(SOURCE, "c", KeySpec("", STICK, (), 512, 64), usual_key=BIN),
        ),
        (
            f"cryptdevice=UUID={ONE}:c cryptkey=rootfs:/k",
            VolumeSpec(SOURCE, "c", KeySpec("/k"), usual_key=BIN),
        ),
        (
            f"cryptdevice=UUID={ONE}:c crypto=sha256:aes-xts-plain64:512::8",
            VolumeSpec(
                SOURCE,
                "c",
                None,
                ("--hash=sha256", "--cipher=aes-xts-plain64", "--key-size=512", "--skip=8"),
                kind="plain",
                usual_key=BIN,
            ),
        ),
        (
            f"rd.luks.uuid={ONE} rd.luks.key={ONE}=/k:LABEL=stick",
            VolumeSpec(SOURCE, f"luks-{ONE}", KeySpec("/k", STICK)),
        ),
        (
            f"rd.luks.uuid={ONE} rd.luks.key=/k:LABEL=stick:UUID={ONE} rd.luks.key.tout=7",
            VolumeSpec(SOURCE, f"luks-{ONE}", KeySpec("/k", STICK, timeout=7)),
        ),
        (
            f"rd.luks.name={ONE}=c rd.luks.data={ONE}=LABEL=stick "
            f"rd.luks.options={ONE}=header=/h rd.luks.timeout=9",
            VolumeSpec(STICK, "c", header=HeaderSpec("/h"), timeout=9),
        ),
        (
            f"rd.luks.name={ONE}=c rd.luks.header={ONE}=/h:LABEL=stick "
            f"rd.luks.header=luks-{ONE}=/k",
            VolumeSpec(SOURCE, "c", header=HeaderSpec("/k")),
        ),
        (
            f"rd.luks.partuuid={ONE}",
            VolumeSpec(DeviceSpec(Naming.PARTUUID, ONE), f"luks-{ONE}"),
        ),
        (f"cryptopts=target=c,source=UUID={ONE},nofail", VolumeSpec(SOURCE, "c", optional=True)),
    ],
)
def test_one_volume_in_the_dialects_of_systemd_dracut_arch_and_debian(
    line: str, volume: VolumeSpec
) -> None:
    assert understood(line).volumes == (volume,)


TABLE = f"crypt UUID={ONE.upper()} /key luks,tries=5\nother UUID={TWO} none luks\n"
ENTRY = VolumeSpec(DeviceSpec(Naming.UUID, ONE.upper()), "crypt", KeySpec("/key"), (), 5)


def test_without_a_word_on_the_command_line_crypttab_counts() -> None:
    assert [each.name for each in understood("", TABLE).volumes] == ["crypt", "other"]


def test_a_uuid_on_the_command_line_narrows_crypttab_down_but_keeps_its_entry() -> None:
    """systemd-cryptsetup-generator(8): only those UUIDs will be activated."""
    assert understood(f"rd.luks.uuid={ONE}", TABLE).volumes == (ENTRY,)


LINE = VolumeSpec(DeviceSpec(Naming.PATH, "/dev/disk/by-id/x"), "data", KeySpec("/key"))


@pytest.mark.parametrize(
    ("line", "table", "volumes"),
    [
        (  # by its name, systemd's rule: whatever the device is called, and if its name has changed
            f"rd.luks.uuid={ONE}",
            f"luks-{ONE} /dev/disk/by-id/x /key",
            (
                LINE._replace(name=f"luks-{ONE}", also=SOURCE),
                LINE._replace(name=f"luks-{ONE}", source=SOURCE),
            ),
        ),
        (
            f"rd.luks.uuid=luks-{ONE}",
            f"luks-{ONE} /dev/sdb none header=/h",
            (
                VolumeSpec(
                    DeviceSpec(Naming.PATH, "/dev/sdb"), f"luks-{ONE}", header=HeaderSpec("/h")
                ),
            ),
        ),
        (  # by what the device is when it appears
            f"rd.luks.uuid={ONE}",
            "data /dev/disk/by-id/x /key",
            (LINE._replace(also=SOURCE), VolumeSpec(SOURCE, f"luks-{ONE}")),
        ),
        (
            f"rd.luks.name={ONE}=mine",
            "data /dev/disk/by-id/x /key",
            (LINE._replace(name="mine", also=SOURCE), VolumeSpec(SOURCE, "mine")),
        ),
        (
            f"rd.luks.name={ONE}=data",
            "data /dev/disk/by-id/x /key",
            (LINE._replace(also=SOURCE), LINE._replace(source=SOURCE)),
        ),
        (
            f"rd.luks.partuuid={ONE}",
            "data /dev/disk/by-id/x /key",
            (
                LINE._replace(also=DeviceSpec(Naming.PARTUUID, ONE)),
                VolumeSpec(DeviceSpec(Naming.PARTUUID, ONE), f"luks-{ONE}"),
            ),
        ),
        (f"rd.luks.uuid={ONE}", f"data UUID={TWO} /key", (VolumeSpec(SOURCE, f"luks-{ONE}"),)),
    ],
)
def test_a_line_of_crypttab_is_found_by_what_it_means(
    line: str, table: str, volumes: tuple[VolumeSpec, ...]
) -> None:
    assert understood(line, table).volumes == volumes


def test_a_name_on_the_command_line_wins_over_that_of_crypttab() -> None:
    named = understood(f"rd.luks.name={ONE}=mine", TABLE).volumes
    assert named == (ENTRY._replace(name="mine"),)


def test_options_for_everyone_are_not_for_what_crypttab_describes() -> None:
    """systemd-cryptsetup-generator(8): they apply to UUIDs without an entry in crypttab."""
    assert understood(f"rd.luks.uuid={ONE} rd.luks.options=tries=1", TABLE).volumes == (ENTRY,)
    own = understood(f"rd.luks.uuid={ONE} rd.luks.options={ONE}=tries=1", TABLE).volumes
    assert own[0].tries == 1


def test_discards_for_everyone_are_for_crypttab_too() -> None:
    """dracut.cmdline(7): for all LUKS volumes."""
    found = understood("rd.luks.allow-discards", TABLE).volumes
    assert all(DISCARD in each.options for each in found)


def test_empty_cryptopts_switch_crypttab_off() -> None:
    """cryptsetup's README.initramfs."""
    assert understood("cryptopts=", TABLE).volumes == ()


def test_cryptopts_replace_crypttab() -> None:
    line = f"cryptopts=target=a,source=UUID={ONE} cryptopts=target=b,source=UUID={TWO}"
    assert [each.name for each in understood(line, TABLE).volumes] == ["a", "b"]


def test_cryptopts_that_are_wrong_leave_crypttab_in_force() -> None:
    settings, problems = read_settings("cryptopts=target=a", TABLE)
    assert [each.name for each in settings.volumes] == ["crypt", "other"]
    assert len(problems) == 1


@pytest.mark.parametrize(
    ("parameter", "complaint"),
    [
        ("root=", "root: '': expected UUID=…"),
        ("root", "root: nothing: expected UUID=…"),
        ("root=gpt-automatic", "root: 'gpt-automatic': expected UUID=…"),
        ("rd.timeout=soon", "rd.timeout: 'soon': expected a number of seconds"),
        ("rootdelay=-3", "rootdelay: '-3': expected a number of seconds"),
        ("rootwait=", "rootwait: '': expected a number of seconds"),
        ("rd.md.timeout=", "rd.md.timeout: '': expected a number of seconds"),
        ("panic=five", "panic: 'five': expected a whole number"),
        (f"panic={'9' * 400}", "panic: '999"),
        ("rd.emergency=explode", "rd.emergency: 'explode': expected reboot, poweroff or halt"),
        ("rd.emergency=wait", "rd.emergency: 'wait': expected reboot, poweroff or halt"),
        ("rd.emergency=", "rd.emergency: '': expected reboot, poweroff or halt"),
        ("rd.shell=perhaps", "rd.shell: 'perhaps': expected yes or no"),
        ("rd.md.degraded=maybe", "rd.md.degraded: 'maybe': expected yes, no or ask"),
        ("rd.md.degraded", "rd.md.degraded: nothing: expected yes, no or ask"),
        ("init=sbin/init", "init: 'sbin/init': expected an absolute path"),
        ("rd.luks.uuid=", "rd.luks.uuid: '': expected the UUID of a LUKS volume"),
        ("rd.luks.uuid=mine", "rd.luks.uuid: 'mine': expected the UUID of a LUKS volume"),
        ("rd.luks.name=crypt", "rd.luks.name: 'crypt': expected UUID=NAME"),
        (f"rd.luks.name={ONE}=a/b", f"rd.luks.name: '{ONE}=a/b': expected UUID=NAME"),
        ("rd.luks.key=key", "rd.luks.key: '…': expected [UUID=]/PATH of a key file"),
        ("rd.luks.key=/key:sda1", "rd.luks.key: '/key:sda1': expected [UUID=]/PATH of a key"),
        ("rd.luks.key=/key.gpg", "rd.luks.key: '/key.gpg': expected [UUID=]/PATH of a key"),
        ("rd.luks.key=1=/key", "rd.luks.key: '1=/key': expected [UUID=]/PATH"),
        (f"rd.luks.data={ONE}", f"rd.luks.data: '{ONE}': expected UUID=DEVICE"),
        (f"rd.luks.header={ONE}=h", f"rd.luks.header: '{ONE}=h': expected UUID=/PATH, UUID="),
        ("rd.luks.serial=1", "rd.luks.serial: '1': expected rd.luks.uuid="),
        ("cryptkey=sda:ext4:/k", "cryptkey: 'sda:ext4:/k': expected DEVICE:FILESYSTEM:/PATH"),
        ("cryptkey=LABEL=a:ext4:", "cryptkey: 'LABEL=a:ext4:': expected DEVICE:FILESYSTEM"),
        ("crypto=sha256", "crypto: 'sha256': expected HASH:CIPHER:KEYSIZE:OFFSET:SKIP"),
        ("cryptdevice=sda:c", "cryptdevice: 'sda:c': expected DEVICE:NAME"),
        ("cryptdevice=/dev/sda", "cryptdevice: '/dev/sda': expected DEVICE:NAME"),
        ("rd.md.uuid=mine", "rd.md.uuid: 'mine': expected the UUID of an array"),
        ("rd.lvm.lv=root", "rd.lvm.lv: 'root': expected VG/LV"),
        ("rd.lvm.vg=", "rd.lvm.vg: '': expected the name of a volume group"),
        (
            "rd.md.wait=0",
            "rd.md.wait: '0': expected a parameter that initpy knows, such as rd.md.uuid",
        ),
        ("initpy.colour=red", "initpy.colour: 'red': expected a parameter that initpy knows"),
    ],
)
def test_a_malformed_value_is_one_clear_line_and_the_default_is_used(
    parameter: str, complaint: str
) -> None:
    settings, problems = read_settings(parameter)
    (found,) = map(str, problems)
    assert found.startswith(f"command line: {complaint}")
    expected = understood("")
    if complaint.startswith("rd.md.degraded: "):
        expected = expected._replace(md_degraded=Degraded.NO)
    if complaint.startswith("panic: "):
        expected = expected._replace(shell=False)  # it forbids one, whatever its number is
    if complaint.startswith("root: "):
        # Another root than the one meant is worse than none: no search for one (gpt-auto).
        expected = expected._replace(root=None, unread=found)
    assert settings == expected


def test_an_option_of_a_volume_that_is_wrong_is_reported_once() -> None:
    line = f"rd.luks.uuid={ONE} rd.luks.options=tries=x"
    assert complaints(line) == [
        "command line: rd.luks.options: option: 'tries=x': expected tries=NUMBER, 0 for no limit"
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ro quiet", ("-a",)),
        ("fsck.mode=auto fsck.repair=preen", ("-a",)),
        ("fsck.mode=force", ("-a", "-f")),
        ("forcefsck fsck.repair=yes", ("-y", "-f")),
        ("fsckfix", ("-y",)),
        ("fsck.repair=no", ("-n",)),
        ("fsck.mode=skip fsck.repair=yes", None),
        ("fastboot", None),
        ("fastboot fsck.mode=force", ("-a", "-f")),
    ],
)
def test_r19_how_file_systems_are_checked(line: str, words: tuple[str, ...] | None) -> None:
    assert understood(line).check == words


@pytest.mark.parametrize(
    ("line", "words"),
    [("fsck.mode=never", None), ("fsck.mode", None), ("fsck.repair=maybe", ("-n",))],
)
def test_r19_what_says_nothing_about_checks_is_named_and_nothing_is_repaired(
    line: str, words: tuple[str, ...] | None
) -> None:
    settings, problems = read_settings(line)
    assert settings.check == words
    [problem] = map(str, problems)
    assert problem.startswith(f"command line: {line.partition('=')[0]}")


KEYS = st.sampled_from([*sorted(HANDLERS), "rd.md.unknown", "rd.luks.allow_discards", "other"])
VALUES = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=()), max_size=40),
    st.sampled_from(
        [f"{ONE}=", f"luks-{ONE}", "UUID=\\x41\udcff", "9" * 500, "/dev/x:y:tries=\\777"]
    ),
    st.integers().map(str),
    st.floats().map(str),
)


@given(st.lists(st.tuples(KEYS, VALUES), max_size=5), st.none() | VALUES)
def test_no_text_keeps_the_machine_from_booting(
    parameters: list[tuple[str, str]], table: str | None
) -> None:
    line = " ".join(f"{key}={value}" for key, value in parameters)
    settings, problems = read_settings(line, table)
    assert settings.root_wait is None or 0 <= settings.root_wait < 1e9
    assert settings.emergency_delay >= 0
    for problem in problems:
        assert str(problem).count(": expected ") >= 1
        assert "\n" not in str(problem).removesuffix(problem.expected)


def test_rd_auto_0_leaves_out_what_is_not_named() -> None:
    settings = understood("root=/dev/vg/root rd.auto=0")
    assert settings.layer(Layer.LVM).named == {"vg"}
    assert settings.layer(Layer.MD).named == {""}
    assert not settings.layer(Layer.LUKS).enabled
    named = understood(f"rd.auto=0 rd.luks.uuid={ONE} rd.md.uuid={ARRAY} rd.lvm.vg=a")
    assert named.layer(Layer.LUKS) == LayerPolicy(True, frozenset(), named.layer(Layer.LUKS).by)
    assert named.layer(Layer.MD).named == {ARRAY}
    assert named.layer(Layer.LVM).named == {"a"}
    assert understood("rd.auto").layers == understood("rd.auto=1").layers == understood("").layers


def test_what_systemd_and_dracut_call_fstab_and_discovery() -> None:
    assert understood("systemd.gpt_auto=0").root is None
    assert understood("root=LABEL=a rd.systemd.gpt_auto=no").root == DeviceSpec(Naming.LABEL, "a")
    assert not understood("rd.fstab=0").fstab
    assert not understood("quiet rd.info").quiet
    assert understood("rd.retry=10").root_wait == 10.0
    assert understood("rd.skipfsck").check is None


@pytest.mark.parametrize("line", ["rd.break=premout", "break=pre_mount"])
def test_a_stop_at_a_point_that_is_not_known_is_before_the_mount(line: str) -> None:
    assert read_settings(line)[0].breaks == {BreakPoint.MOUNT}


@pytest.mark.parametrize("line", ["rd.md=maybe", "rd.md.imsm=maybe", "bootdegraded=maybe"])
def test_what_may_forbid_writing_to_arrays_does(line: str) -> None:
    settings, problems = read_settings(line)
    degraded = settings.md_degraded is Degraded.NO
    assert len(problems) == 1
    assert degraded or not settings.layer(Layer.MD).enabled or settings.switched_off
