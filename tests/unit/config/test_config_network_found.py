"""Command lines of roots on the network as users have them: manuals, images of clouds, boot menus.

What each means is what the document of its words says: dracut.cmdline(7), README.Debian of
open-iscsi and of nbd-client, RFC 4173, the pages of iPXE and LTSP.
"""

import pytest

from initpy.config.network.iscsi import default_parameters
from initpy.config.redaction import command_line
from initpy.config.settings import read_settings
from initpy.core.devices.names import Naming
from initpy.core.netsettings import Chap, IscsiRoot, NbdRoot, NvmeRoot
from initpy.core.settings import Settings

DISK = "iqn.2009-06.example:disk"
BY_PATH = "/dev/disk/by-path/ip-"


def read(line: str) -> tuple[Settings, list[str]]:
    found, problems = read_settings(line)
    return found, [str(each) for each in problems]


def iscsi(server: str, target: str, lun: int = 0, port: int = 3260) -> IscsiRoot:
    return IscsiRoot(server, port, target, lun)


def nbd(server: str, export: str = "", device: str = "/dev/nbd0", port: int = 10809) -> NbdRoot:
    return NbdRoot(server, port, export, device)


ORACLE, EQUALLOGIC = "iqn.2015-02.oracle.boot:uefi", "iqn.2001-05.com.equallogic:0-8a0906-vol"
NETAPP = "iqn.1992-08.com.netapp:sn.33615311"
MAAS = "iqn.2004-05.com.ubuntu:maas:ephemeral-amd64"
SUN = "iqn.1986-03.com.sun:02:e9abf4cd-714b-c6ec-d017-eea5a56252ed"
STORE = iscsi("10.0.7.2", DISK)
CASES = [
    # An image for machines with an iSCSI disk and for others
    (f"root=/dev/mapper/vg-root rd.iscsi.bypass=1 netroot=iscsi:169.254.0.2:::1:{ORACLE} "
     "iscsi_param=node.session.timeo.replacement_timeout=6000 libiscsi.debug_libiscsi_eh=1",
     "/dev/mapper/vg-root", [iscsi("169.254.0.2", ORACLE, 1)]),
    (f"root=/dev/sda3 netroot=iscsi:@169.254.0.2::::{ORACLE} "
     "iscsi_initiator=iqn.2015-02.oracle.boot:instance",
     "/dev/sda3", [iscsi("169.254.0.2", ORACLE)]),
    ("iscsi_auto iscsi_auto_skip_initramfs_networking root=LABEL=cloudimg-rootfs", "LABEL", []),
    ("root=LABEL=root rd.iscsi.ibft=1 rd.iscsi.firmware=1 network-config=disabled "
     "rd.iscsi.param=node.session.timeo.replacement_timeout=6000", "LABEL", []),
    ("ip=ibft root=/dev/sda netroot=iscsi rd.iscsi.ibft=1 rd.iscsi.firmware=1", "/dev/sda", []),
    ("root=UUID=1-2 rd.iscsi.firmware=1 rd.iscsi.ibft=1 netroot=iscsi:ibft rd.neednet=1",
     "UUID", []),
    # Targets by address and by name
    (f"netroot=iscsi:10.0.2.15::::{DISK} root=UUID=1-2 ip=dhcp rd.neednet=1 bootdev=eth0",
     "UUID", [iscsi("10.0.2.15", DISK)]),
    (f"root=iscsi:boot.ipxe.example::::{DISK}",
     f"{BY_PATH}boot.ipxe.example:3260-iscsi-{DISK}-lun-0", [iscsi("boot.ipxe.example", DISK)]),
    (f"root=iscsi:opensolaris.home::::{SUN}",
     f"{BY_PATH}opensolaris.home:3260-iscsi-{SUN}-lun-0", [iscsi("opensolaris.home", SUN)]),
    (f"root=iscsi:freenas.domain.example:6:3260:0:{DISK}",
     f"{BY_PATH}freenas.domain.example:3260-iscsi-{DISK}-lun-0",
     [iscsi("freenas.domain.example", DISK)]),
    ("root=iscsi:192.168.0.1:::1:iqn.1991-05.com.microsoft:msdos622-target",
     f"{BY_PATH}192.168.0.1:3260-iscsi-iqn.1991-05.com.microsoft:msdos622-target-lun-1",
     [iscsi("192.168.0.1", "iqn.1991-05.com.microsoft:msdos622-target", 1)]),
    (f"root={BY_PATH}10.0.7.2:3260-iscsi-{DISK}-lun-1 netroot=iscsi:10.0.7.2::::{DISK} ip=dhcp "
     "rd.peerdns=0 nameserver=10.0.0.1", f"{BY_PATH}10.0.7.2:3260-iscsi-{DISK}-lun-1", [STORE]),
    (f"root=/dev/sda2 ip=10.0.0.2::10.0.0.1:255.255.255.0:maint:eno1:none nameserver=1.1.1.1 "
     f"netroot=iscsi:10.0.7.2::3260:0:{DISK}", "/dev/sda2", [STORE]),
    (f"root=LABEL=r netroot=iscsi:@[fd00::9]::3260:1:{EQUALLOGIC}", "LABEL",
     [iscsi("fd00::9", EQUALLOGIC, 1)]),
    (f"root=UUID=1-2 netroot=iscsi:10.0.7.2:TCP:860:9:{NETAPP}", "UUID",
     [iscsi("10.0.7.2", NETAPP, 9, 860)]),
    # Units as RFC 4173 writes them, and their names in udev
    (f"root=iscsi:10.0.7.2:::1f:{DISK}", f"{BY_PATH}10.0.7.2:3260-iscsi-{DISK}-lun-31",
     [iscsi("10.0.7.2", DISK, 31)]),
    (f"root=iscsi:10.0.7.2:::4186-9:{DISK}",
     f"{BY_PATH}10.0.7.2:3260-iscsi-{DISK}-lun-0x4186000900000000",
     [iscsi("10.0.7.2", DISK, 0x00094186)]),
    (f"root=iscsi:10.0.7.2:::4752-3A4F-0-0:{DISK}",
     f"{BY_PATH}10.0.7.2:3260-iscsi-{DISK}-lun-0x47523a4f00000000",
     [iscsi("10.0.7.2", DISK, 0x3A4F4752)]),
    (f"root=iscsi:10.0.7.2:::0-0-0-0:{DISK}", f"{BY_PATH}10.0.7.2:3260-iscsi-{DISK}-lun-0",
     [STORE]),
    # Debian and Ubuntu, in small letters and in capitals
    (f"root={BY_PATH}192.168.123.2:3260-iscsi-{MAAS}-lun-1 iscsi_target_name={MAAS} "
     "iscsi_target_ip=192.168.123.2 iscsi_target_port=3260 iscsi_initiator=iqn.x:me "
     "ip=::::maas-enlist:BOOTIF BOOTIF=01-52-54-00-12-34-56",
     f"{BY_PATH}192.168.123.2:3260-iscsi-{MAAS}-lun-1", [iscsi("192.168.123.2", MAAS)]),
    (f"root=UUID=1-2 ip=::::raspi:eth0:dhcp ISCSI_INITIATOR=iqn.x:rpi ISCSI_TARGET_NAME={DISK} "
     "ISCSI_TARGET_IP=10.0.7.2 ISCSI_TARGET_PORT=3260 ISCSI_TARGET_GROUP=1 rw", "UUID", [STORE]),
    ("root=UUID=1-2 ISCSI_AUTO=true", "UUID", []),
    (f'root=UUID=1-2 iscsi_target_ip="10.0.7.2 10.0.8.2" iscsi_target_name={DISK}', "UUID",
     [STORE, iscsi("10.0.8.2", DISK)]),
    (f"root=iscsi iscsi_initiator=iqn.x:me iscsi_target_name={DISK} iscsi_target_ip=10.0.7.2",
     f"{BY_PATH}10.0.7.2:3260-iscsi-{DISK}-lun-0", [STORE]),
    (f"root=/dev/sda1 netroot=iscsi iscsiroot=10.0.7.2::::{DISK}", "/dev/sda1", [STORE]),
    (f"root=/dev/sda1 rd.iscsi.target.name={DISK} rd.iscsi.target.ip=10.0.7.2 "
     "rd.iscsi.target.port=3260 rd.iscsi.initiator=iqn.2026-07.example:client",
     "/dev/sda1", [STORE]),
    # The unit, or the export, itself; what it is says the lease
    ("root=/dev/root netroot=dhcp ip=lan0:dhcp rd.iscsi.initiator=iqn.x:me", None, []),
    ("root=/dev/root netroot=dhcp ip=dhcp rd.luks=0", None, []),
    (f"root=/dev/root netroot=iscsi:10.0.7.2::::{DISK}",
     f"{BY_PATH}10.0.7.2:3260-iscsi-{DISK}-lun-0", [STORE]),
    ("root=/dev/root netroot=nbd:10.0.7.2:root", "/dev/nbd0", [nbd("10.0.7.2", "root")]),
    ("root=/dev/root ip=dhcp", "/dev/root", []),
    (f"root=iscsi:::::{DISK}", None, [iscsi("", DISK)]),
    # NBD of dracut
    ("root=nbd:192.168.50.1:raw::errors=panic rd.luks=0", "/dev/nbd0",
     [nbd("192.168.50.1", "raw")]),
    ("root=nbd:10.0.0.1:pi-root:ext4 ip=10.0.0.145::10.0.0.1:255.255.255.0::eth0:off rootwait "
     "fixrtc multipath=off dwc_otg.lpm_enable=0", "/dev/nbd0", [nbd("10.0.0.1", "pi-root")]),
    ("root=nbd:10.0.2.2:10809:squashfs:ro rootfstype=squashfs", "/dev/nbd0", [nbd("10.0.2.2")]),
    ("root=nbd:tftp.example:discovery:squashfs ro ip=dhcp", "/dev/nbd0",
     [nbd("tftp.example", "discovery")]),
    ("root=LABEL=dracut ip=dhcp netroot=nbd:192.168.50.1:encrypted", "LABEL",
     [nbd("192.168.50.1", "encrypted")]),
    # NBD of Debian and LTSP
    ("root=/dev/nbd0p2 nbdroot=10.0.7.2/share ip=dhcp", "/dev/nbd0p2", [nbd("10.0.7.2", "share")]),
    ("root=/dev/nbd0p2 nbdroot=server:image quiet splash", "/dev/nbd0p2",
     [nbd("server", "image")]),
    ("root=/dev/nbd0 nbdroot=147.26.100.51:ltsp_ubuntu init=/sbin/init-ltsp", "/dev/nbd0",
     [nbd("147.26.100.51", "ltsp_ubuntu")]),
    ("root=/dev/nbd0 nbdroot=:ltsp_i386", "/dev/nbd0", [nbd("", "ltsp_i386")]),
    ("root=/dev/nbd0 nbdroot=10.0.7.2:/opt/ltsp/i386", "/dev/nbd0",
     [nbd("10.0.7.2", "/opt/ltsp/i386")]),
    ("root=/dev/nbd0 nbdroot=192.168.1.23,siduction-iso nonetwork", "/dev/nbd0",
     [nbd("192.168.1.23", "siduction-iso")]),
    ("root=/dev/nbd0 nbdroot=192.168.2.15 nbdport=2000 ip=dhcp", "/dev/nbd0",
     [nbd("192.168.2.15", port=2000)]),
    ("nbdroot=192.168.2.15,2000,nbd2", "/dev/nbd2", [nbd("192.168.2.15", "", "/dev/nbd2", 2000)]),
    ("nbdroot=192.168.1.1,export,nbd1 root=/dev/nbd3", "/dev/nbd3",
     [nbd("192.168.1.1", "export", "/dev/nbd3")]),
    ("root=/dev/nbd0 nbdroot=[fd00::1]/share", "/dev/nbd0", [nbd("fd00::1", "share")]),
    ("root=/dev/nbd0 nbdroot=/srv/image", "/dev/nbd0", [nbd("", "/srv/image")]),
    ("nbdroot=dhcp,export root=/dev/nbd2", "/dev/nbd2", [nbd("", "export", "/dev/nbd2")]),
    # NVMe over TCP
    ("root=UUID=1-2 rd.nvmf.discover=tcp,192.168.10.10,,4420 nvme_core.multipath=Y", "UUID",
     [NvmeRoot("tcp", "192.168.10.10", "", 4420)]),
    ("root=UUID=1-2 rd.nvmf.discover=tcp,10.0.7.2,, rd.nonvmf=0", "UUID",
     [NvmeRoot("tcp", "10.0.7.2")]),
    # Not for this machine, and nothing to say
    ("root=UUID=1-2 rd.nofcoe rd.fcoe=0 rd.multipath=default nompath", "UUID", []),
]  # fmt: skip


@pytest.mark.parametrize(("line", "root", "targets"), CASES)
def test_what_it_means(line: str, root: str | None, targets: list[object]) -> None:
    found, problems = read(line)
    assert problems == []
    spec = found.root
    named = None if spec is None else spec.value if spec.naming is Naming.PATH else spec.naming.name
    assert named == root
    assert list(found.network.targets if found.network is not None else ()) == targets


LOGINS = [
    (f"root=UUID=1-2 netroot=iscsi:user:hush@192.168.1.100::3260::{DISK}@home",
     ("user", b"hush", "", None), f"{DISK}@home"),
    (f"root=UUID=1-2 netroot=iscsi:user:h@ush@192.168.1.100::::{DISK}",
     ("user", b"h@ush", "", None), DISK),
    (f"root=UUID=1-2 netroot=iscsi:u1:hush:u2:mum@10.0.0.9::3260:1:{EQUALLOGIC}",
     ("u1", b"hush", "u2", b"mum"), EQUALLOGIC),
    (f"root=UUID=1-2 ISCSI_TARGET_IP=10.0.7.2 ISCSI_TARGET_NAME={DISK} ISCSI_USERNAME=me "
     "ISCSI_PASSWORD=hush ISCSI_IN_USERNAME=they ISCSI_IN_PASSWORD=mum",
     ("me", b"hush", "they", b"mum"), DISK),
    (f"root=UUID=1-2 iscsi_target_ip=10.0.7.2 iscsi_target_name={DISK} "
     "iscsi_param=node.session.auth.username=me iscsi_param=node.session.auth.password=hush",
     ("me", b"hush", "", None), DISK),
]  # fmt: skip


@pytest.mark.parametrize(("line", "login", "target"), LOGINS)
def test_logins(line: str, login: tuple[object, ...], target: str) -> None:
    """And the journal's command line boots the same without them."""
    found, problems = read(line)
    assert problems == []
    assert found.network is not None
    (each,) = found.network.targets
    assert isinstance(each, IscsiRoot)
    secrets = [s and bytes(s.reveal()) for s in (each.login.password, each.login.password_in)]
    assert (each.login.username, secrets[0], each.login.username_in, secrets[1]) == login
    assert each.target == target
    shown = command_line(line)
    assert "hush" not in shown
    assert "ush@" not in shown
    assert "mum" not in shown
    again = read(shown)[0].network
    assert again is not None
    assert isinstance(again.targets[0], IscsiRoot)
    assert again.targets[0]._replace(login=Chap()) == each._replace(login=Chap())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("iscsi_initiator=maas-enlist", "iqn., eui. or naa.; it is used all the same"),
        ("iscsi_initiator=$InitiatorName", "'$InitiatorName': expected a name that begins"),
        ('iscsi_initiator="my name"', "'my name': expected a name that begins with iqn."),
        (f"netroot=iscsi:fd00::1::::{DISK}", "an IPv6 server in brackets"),
        (f"netroot=iscsi:tcp:10.0.7.2:3260:0:{DISK}", "6 (TCP) as the protocol"),
        (f"netroot=iscsi://10.0.7.2/{DISK}", "expected iscsi:[USER:PASSWORD"),
        (f"netroot=iscsi:10.0.7.2:3260:{DISK}", "expected iscsi:[USER:PASSWORD"),
        (f"netroot=iscsi:10.0.7.2:::g:{DISK}", "a LUN from 0 to 65535, not 'g'"),
        (f"rd.iscsi.target.ip=10.1.1.1:3260 rd.iscsi.target.name={DISK}", "address of an iSCSI s"),
        (f"rd.iscsi.target.ip=10.1.1.1,10.2.1.1 rd.iscsi.target.name={DISK}", "address of an iSC"),
        (f"netroot=iscsi:10.0.7.2::::{DISK} rd.iscsi.transport=iser", "expected tcp (offload"),
        ("netroot=nbd://10.0.7.2/root", "expected nbd:SERVER:EXPORT"),
        ("nbdroot=fd00::1:/share", "an IPv6 server in brackets"),
        ("nbdroot=10.0.7.2,70000", "a port from 1 to 65535, not '70000'"),
        ("nbdroot=10.0.7.2,,nbd0", "SERVER,EXPORT or SERVER,EXPORT,DEVICE"),
        ("nbdroot=10.0.7.2:", "SERVER:/EXPORT or SERVER:PORT/EXPORT"),
        ("nbdport=x nbdroot=10.0.7.2:/a", "nbdport: 'x': expected a port from 1 to 65535"),
        ("rd.nvmf.discover=10.0.7.2:4420", "tcp,SERVER[,[HOST-ADDRESS][,PORT]]"),
        ("rd.nvmf.discover=tcp:192.168.1.3::4420", "tcp,SERVER[,[HOST-ADDRESS][,PORT]]"),
        ("rd.nvmf.discover=fc,nn-0x201:pn-0x202,nn-0x203:pn-0x204", "(fc is not supported)"),
        ("fcoe=eth0:nodcb:vn2vn", "no disk is looked for over FCoE"),
        ("fcoe=4a:3f:4c:04:f8:d7:nodcb:fabric", "no disk is looked for over FCoE"),
        ("rd.zfcp=0.0.4000,0x5005076300C213e9,0x5022000000000000", "devices of IBM Z"),
        ("rd.dasd=0.0.4711(ro)", "devices of IBM Z"),
        ("root=aoe:e0.0", "aoe is not supported; NFS, iSCSI, NBD"),
        ("root=/dev/etherd/e0.0p1", "AoE is not supported; NFS, iSCSI, NBD"),
        ("root=fcp:20:00:00:1f:16:bc:fe:2f:0", "fcp is not supported; NFS, iSCSI, NBD"),
    ],
)  # fmt: skip
def test_what_is_said(line: str, said: str) -> None:
    _, [problem] = read(line if line.startswith("root=") else f"root=UUID=1-2 {line}")
    assert said in problem


def test_the_name_of_this_machine_may_be_in_open_iscsis_file() -> None:
    """iscsi.initramfs is a piece of shell, which may read that file."""
    text = (
        '. /etc/iscsi/initiatorname.iscsi\nISCSI_INITIATOR="$InitiatorName"\n'
        f"ISCSI_TARGET_NAME={DISK};\nexport ISCSI_TARGET_IP=10.0.7.2 # the storage\n"
    )
    asked, problems = read_settings("root=UUID=1-2", defaults=default_parameters(text))
    assert problems == ()
    assert asked.network is not None
    assert asked.network.iscsi.initiator == ""
