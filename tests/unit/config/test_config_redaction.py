"""Secrets are taken out of what users write by its grammar, and nothing else is (R14)."""

import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initpy.config import redaction, secretfields
from initpy.config.commandline import parse
from initpy.config.jobs import parse_job_file
from initpy.config.settings import read_settings

UUID = "3b1f0d3e-52b5-4d0c-9a53-0d3c6e1f0001"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        # dracut.cmdline(7), iSCSI
        ("netroot=iscsi:joe:hush@10.0.0.1::3260:1:iqn.a:b",
         "netroot=iscsi:joe:…@10.0.0.1::3260:1:iqn.a:b"),
        ("root=iscsi:joe:hush:rev:psst@[2001:DB8::1]::::iqn.a:b",
         "root=iscsi:joe:…:rev:…@[2001:DB8::1]::::iqn.a:b"),
        ("netroot=iscsi:joe:h@u:s/h@10.0.0.1::::iqn", "netroot=iscsi:joe:…@10.0.0.1::::iqn"),
        ("netroot=iscsi:joe@10.0.0.1::::iqn", "netroot=iscsi:joe@10.0.0.1::::iqn"),
        ("netroot=iscsi:10.0.0.1::::iqn.a:b", "netroot=iscsi:10.0.0.1::::iqn.a:b"),
        ("iscsiroot=joe:hush@10.0.0.1::::iqn", "iscsiroot=joe:…@10.0.0.1::::iqn"),
        ("rd.iscsi.username=joe rd.iscsi.password=hush",
         "rd.iscsi.username=joe rd.iscsi.password=…"),
        ("rd.iscsi.in.password=hush iscsi_in_password=hush",
         "rd.iscsi.in.password=… iscsi_in_password=…"),
        ("RD.ISCSI.IN_PASSWORD=\"h u\" root=LABEL=r bypass",
         "RD.ISCSI.IN_PASSWORD=… root=LABEL=r bypass"),
        ("rd.iscsi.param=node.session.auth.password=hush",
         "rd.iscsi.param=node.session.auth.password=…"),
        ("rd.iscsi.param=node.session.timeo.login_timeout=9",
         "rd.iscsi.param=node.session.timeo.login_timeout=9"),
        # CIFS, NFS, NBD and URLs
        ("root=cifs://joe:hush@server/share", "root=cifs://joe:…@server/share"),
        ("root=cifs://joe:hu@sh@server/share", "root=cifs://joe:…@server/share"),
        ("cifsuser=joe cifspass=hush", "cifsuser=joe cifspass=…"),
        ("cifsroot=//10.0.0.1/share,vers=3.0,password=hush,user=joe",
         "cifsroot=//10.0.0.1/share,vers=3.0,password=…,user=joe"),
        ("root=nfs:10.0.0.1:/dir:ro,password=hush", "root=nfs:10.0.0.1:/dir:ro,password=…"),
        ("netroot=nbd:10.0.0.1:root:ext4:ro,pass=hush:persist",
         "netroot=nbd:10.0.0.1:root:ext4:ro,pass=…:persist"),
        ("netroot=ISCSI:me:hush@10.0.0.1::::iqn.x:y", "netroot=ISCSI:me:…@10.0.0.1::::iqn.x:y"),
        ("netroot=iscs:me:hush@10.0.0.1", "netroot=iscs:me:…@10.0.0.1"),
        ("netroot=iscsi:me:hush", "netroot=iscsi:me:…"),
        # Without iscsi:, as users write it
        ("netroot=joe:hush@10.0.0.1::::iqn.a:b", "netroot=joe:…@10.0.0.1::::iqn.a:b"),
        ("netroot=joe.d-x:hush:rev:psst@10.0.0.1::::iqn", "netroot=joe.d-x:…@10.0.0.1::::iqn"),
        ("root=/dev/disk/by-path/pci-0000:00:1f.2@x", "root=/dev/disk/by-path/pci-0000:00:1f.2@x"),
        ("netroot=iscsi:10.0.0.1:6:3260:0", "netroot=iscsi:10.0.0.1:6:3260:0"),
        ("root=nfs:me:hush@10.0.0.1:/x", "root=nfs:…@10.0.0.1:/x"),
        ("root=nfs:10.0.0.1:/vol@day:ro", "root=nfs:10.0.0.1:/vol@day:ro"),
        ("root=10.0.0.1:/vol@day", "root=10.0.0.1:/vol@day"),
        ("iscsi_pasword=hush", "iscsi_pasword=…"),
        ("rd.iscsi.in.passwrd=hush", "rd.iscsi.in.passwrd=…"),
        ("rd.iscsi.param=NODE.session.auth.password=hush",
         "rd.iscsi.param=NODE.session.auth.password=…"),
        ("nbdroot=me:hush@10.0.0.1", "nbdroot=me:…@10.0.0.1"),
        ("ip=me:hush@10.0.0.1", "ip=me:…@10.0.0.1"),
        ("root=live:https://joe:hush@host/image", "root=live:https://joe:…@host/image"),
        ("ds=nocloud-net;s=http://joe:hush@host/x", "ds=nocloud-net;s=http://joe:…@host/x"),
        ("url=http://host/a@b", "url=http://host/a@b"),
        # Mount options
        ("rootflags=ro,user=joe%hush,pass=a,,b,,c,noatime",
         "rootflags=ro,user=joe%…,pass=…,,…,,…,noatime"),
        ("mount.usrflags=secret=AQ==,name=x", "mount.usrflags=secret=…,name=x"),
        ("overlayroot=crypt:dev=/dev/vdb,pass=hush,mkfs=1",
         "overlayroot=crypt:dev=/dev/vdb,pass=…,mkfs=1"),
        ("overlayroot=tmpfs:swap=1", "overlayroot=tmpfs:swap=1"),
        # Encrypted volumes
        ("systemd.set_credential=cryptsetup.passphrase:h:u",
         "systemd.set_credential=cryptsetup.passphrase:…"),
        (f"rd.luks.options={UUID}=tries=2,tpm2-pin=1234",
         f"rd.luks.options={UUID}=tries=2,tpm2-pin=…"),
        ("luks.options=tpm2-pin=yes,discard", "luks.options=tpm2-pin=yes,discard"),
        (f"rd.luks.key={UUID}=hush", f"rd.luks.key={UUID}=…"),
        (f"rd.luks.key={UUID}=/key:LABEL=stick", f"rd.luks.key={UUID}=/key:LABEL=stick"),
        ("cryptopts=target=c,source=/dev/vda,key=/key,tries=1",
         "cryptopts=target=c,source=/dev/vda,key=/key,tries=1"),
        ("cryptopts=source=/dev/vda,key=hush,keyscript=/bin/echo",
         "cryptopts=source=/dev/vda,key=…,keyscript=/bin/echo"),
        ("cryptdevice=/dev/vda:c:discard,password=hush",
         "cryptdevice=/dev/vda:c:discard,password=…"),
        # Whose name says it
        ("some.thing.passphrase=hush my_secret=hush", "some.thing.passphrase=… my_secret=…"),
        ("try.password=no passes=3 compass=n", "try.password=no passes=3 compass=n"),
        ('root=LABEL="a b"  quiet -- a.password=x "b.password=a b"',
         'root=LABEL="a b"  quiet -- a.password=… b.password=…'),
    ],
)  # fmt: skip
def test_secret_fields_of_the_command_line_are_hidden(words: str, shown: str) -> None:
    assert redaction.command_line(words) == shown
    assert redaction.command_line(shown) == shown


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("c UUID=u none luks", "c UUID=u none luks"),
        ("c\tUUID=u  /key luks,tpm2-pin=1234,discard # hush",
         "c UUID=u /key luks,tpm2-pin=…,discard"),
        ("  # c UUID=u hush", "#"),
        ("", ""),
        ("c UUID=u hush luks", "c UUID=u … luks"),
        (r"c UUID=u \057key luks", r"c UUID=u \057key luks"),
        ("c UUID=u hush keyscript=/bin/echo", "c UUID=u … keyscript=/bin/echo"),
        ("c UUID=u base keyscript=decrypt_derived", "c UUID=u base keyscript=decrypt_derived"),
        ("c UUID=u id keyscript=/lib/cryptsetup/scripts/decrypt_keyctl",
         "c UUID=u id keyscript=/lib/cryptsetup/scripts/decrypt_keyctl"),
        ("c UUID=u UUID=k:/key keyscript=passdev", "c UUID=u UUID=k:/key keyscript=passdev"),
        ("c UUID=u - pkcs11-uri=pkcs11:token=a;id=%01?pin-value=1234&x=y,nofail",
         "c UUID=u - pkcs11-uri=pkcs11:token=a;id=%01?pin-value=…&x=y,nofail"),
        ("c UUID=u - veracrypt,veracrypt-pim=4711", "c UUID=u - veracrypt,veracrypt-pim=…"),
        ("c UUID=u - try-empty-password=yes,password-echo=masked",
         "c UUID=u - try-empty-password=yes,password-echo=masked"),
        ("lonely", "lonely"),
    ],
)  # fmt: skip
def test_secret_fields_of_crypttab_are_hidden(line: str, shown: str) -> None:
    assert redaction.crypttab(f"x y\n{line}\nz y\n") == f"x y\n{shown}\nz y\n"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("iscsistart -i a -u joe -w hush -U rev -W psst -p 3260",
         "iscsistart -i a -u joe -w … -U rev -W … -p 3260"),
        ("/sbin/iscsistart -whush --password=hush --password_in hush",
         "/sbin/iscsistart -w… --password=… --password_in …"),
        ("iscsistart --param node.session.auth.password=hush -Pa=b",
         "iscsistart --param node.session.auth.password=… -Pa=b"),
        ("iscsiadm -m node --op update -n node.session.auth.password -v hush",
         "iscsiadm -m node --op update -n node.session.auth.password -v …"),
        ("iscsiadm -m node -n node.startup -v manual",
         "iscsiadm -m node -n node.startup -v manual"),
        ("mount -t cifs -o ro,pass=hush //s/x /y", "mount -t cifs -o ro,pass=… //s/x /y"),
        ("busybox mount -opass=hush //s/x /y", "busybox mount -opass=… //s/x /y"),
        ("mount.cifs //s/x /y -o password=hush", "mount.cifs //s/x /y -o password=…"),
        ("curl -u joe:hush https://joe:hush@host/x", "curl -u joe:… https://joe:…@host/x"),
        ("wget --password=hush --http-password hush http://h/x",
         "wget --password=… --http-password … http://h/x"),
        ("nvme connect -S DHHC-1 -t tcp", "nvme connect -S … -t tcp"),
        ("/usr/lib/systemd/systemd-cryptsetup attach c /dev/vda - tpm2-pin=12",
         "/usr/lib/systemd/systemd-cryptsetup attach c /dev/vda - tpm2-pin=…"),
        ("mdadm --run /dev/md0", "mdadm --run /dev/md0"),
        ("fetch TOKEN=x API_SECRET=hush", "fetch TOKEN=x API_SECRET=…"),
    ],
)  # fmt: skip
def test_secret_arguments_are_hidden(words: str, shown: str) -> None:
    assert redaction.argv(words.split()) == tuple(shown.split())


JOB = """
summary = "s"
# A comment.
[[job]]
name = "log-in"
does = "log in to {DEVNAME}"
match = { ID_FS_TYPE = "x", also = "y" }
success = { exit = true }
timeout = 1.5
tries = 2
once = true
run = ["iscsistart", "-w", %s, "-a", "ö\\"\\u0007"]
environment = { API_TOKEN = "x", API_PASSWORD = "hush" }
"""


def test_a_job_file_with_a_secret_means_the_same_without_it() -> None:
    shown = redaction.job_file("/etc/initpy/jobs/a.toml", JOB % '"hu\\tsh"')
    assert "hu" not in shown
    [job] = parse_job_file("a.toml", shown).jobs
    [whole] = parse_job_file("a.toml", JOB % '"…"').jobs
    assert job == whole._replace(environment=(("API_TOKEN", "x"), ("API_PASSWORD", "…")))


def test_a_job_file_without_a_secret_is_kept_as_it_is_written() -> None:
    text = JOB.replace("API_PASSWORD", "OTHER") % '"…"'
    assert redaction.job_file("a.toml", text) == text
    assert redaction.job_file("a.json", '{ "summary" : "s" }') == '{ "summary" : "s" }'


@pytest.mark.parametrize("text", ['run = ["iscsistart", "-w", "hush"', "[" * 10_000, '{"a": '])
@pytest.mark.parametrize("suffix", ["toml", "json"])
def test_what_is_no_job_file_is_left_out(suffix: str, text: str) -> None:
    assert redaction.job_file(f"a.{suffix}", text) == ""


def test_a_line_of_a_journal_that_is_none_is_left_out() -> None:
    """Journals come from anywhere, and the engine must not fail for one."""
    assert redaction.record({"t": 1, "kind": "Run", "argv": 5}) == {"t": 1, "kind": "Run"}
    assert redaction.record({"kind": "Mounted", "extra_mounts": [5]}) == {"kind": "Mounted"}
    assert redaction.record({"kind": 5, "argv": "x"}) == {"kind": 5, "argv": "x"}


def test_each_row_names_its_document() -> None:
    tables = (secretfields.PARAMETERS, secretfields.CRYPT_OPTIONS, secretfields.MOUNT_OPTIONS,
              *secretfields.PROGRAMS.values())  # fmt: skip
    for row in (row for table in tables for row in table):
        assert row.source
        if not row.names[0].startswith("-"):
            assert all(secretfields.normal(each) == each for each in row.names)


# A secret is told from all else by its beginning, and has what the grammars give a meaning to.
SECRETS = st.text("abcXYZ019!§$%&?+*~#-_.", min_size=1, max_size=12).map("Qz7".__add__)
# Where a secret may stand in the command line, and in crypttab.
PLACES = (
    "netroot=iscsi:joe:{}@10.0.0.1::::iqn.a:b",
    "netroot=iscsi:joe:{}:rev:{}@10.0.0.1::::iqn.a:b",
    "root=iscsi:joe:{}@10.0.0.1::::iqn.a:b",
    "iscsiroot=joe:{}@10.0.0.1::::iqn.a:b",
    "rd.iscsi.password={}",
    'rd.iscsi.password="a b{}"',
    "rd.iscsi.in.password={}",
    "iscsi_password={}",
    "rd.iscsi.param=node.session.auth.password_in={}",
    "root=cifs://joe:{}@server/share",
    "cifspass={}",
    "cifsroot=//10.0.0.1/share,user=joe,password={}",
    "rootflags=ro,username=joe%{}",
    "rootflags=ro,pass={},noatime",
    "rootflags=pass={},,{},ro",
    "nfsroot=10.0.0.1:/dir,secret={}",
    "root=LABEL=r loop=/image loopflags=password={}",
    "mount.usr=LABEL=u mount.usrflags=pass2=,password={}",
    "overlayroot=crypt:dev=/dev/vdb,pass={}",
    "systemd.set_credential=cryptsetup.passphrase:{}",
    "systemd.set_credential_binary=cryptsetup.tpm2-pin:{}",
    f"rd.luks.uuid={UUID} rd.luks.options={UUID}=tries=1,tpm2-pin={{}}",
    "rd.luks.options=tpm2-pin={}",
    f"rd.luks.options={UUID}=password={{}}",
    "rd.luks.key={}",
    f"rd.luks.key={UUID}={{}}",
    "cryptopts=source=/dev/vda,key={},keyscript=/bin/echo",
    "cryptopts=source=/dev/vda,key={}",
    "cryptopts=key={}",
    "cryptopts=source=/dev/vda,pkcs11-uri=pkcs11:a?pin-value={}",
    "cryptdevice=/dev/vda:c:password={}",
    "rd.unknown.password={}",
    "root=live:http://joe:{}@host/x",
    "rd.unknown=http://joe:{}@host/x",
    "-- app.password={}",
)
LINES = (
    "c UUID=u {} luks",
    "c UUID=u {} keyscript=/bin/echo",
    "c nonsense {} luks",
    "a/b UUID=u {} luks",
    "c UUID=u /key tpm2-pin={},discard",
    "c UUID=u - pkcs11-uri=pkcs11:a?pin-value={}",
    "c UUID=u - passphrase={}",
    "c UUID=u - veracrypt-pim={}",
    "c UUID=u - luks {}",
    "# c UUID=u {} luks",
)


@given(st.lists(st.sampled_from(PLACES)), st.lists(st.sampled_from(LINES)), SECRETS)
def test_no_secret_is_left_and_the_settings_are_the_same_but_for_it(
    places: list[str], lines: list[str], secret: str
) -> None:
    words = " ".join(["quiet", *places]).replace("{}", secret)
    table = "\n".join(lines).replace("{}", secret)
    shown, shown_table = redaction.command_line(words), redaction.crypttab(table)
    assert "Qz7" not in shown
    assert "Qz7" not in shown_table
    assert len(parse(shown).parameters) == len(parse(words).parameters)

    settings, problems = read_settings(words, table)
    assert not any("Qz7" in str(each) for each in problems)
    again, same_problems = read_settings(shown, shown_table)
    assert [each.where for each in same_problems] == [each.where for each in problems]
    assert without(repr(again), "…") == without(repr(settings), secret)


def without(text: str, secret: str) -> str:
    return text.replace(secret, "…")


def test_toml_that_is_written_can_be_read() -> None:
    table = {"a": [{"b": 'c"\\\n\x7fö', "d e": [1, 2.5, True]}], "f": {}}
    assert tomllib.loads(redaction._toml(table)) == table


def test_a_login_in_the_root_path_of_a_lease_is_hidden_in_the_journal() -> None:
    path = "iscsi:me:hush@10.0.2.1::::iqn.2004-01.org.example:store"
    values = ["ack", 7, "10.0.2.50", "10.0.2.1", 24, [], None, 3600.0, None, None, path]
    received = {"kind": "DhcpReceived", "link": "eth0", "reply": values}
    lease = json.dumps([1.0, values, True])
    link = {"name": "net/eth0", "properties": {"lease": lease, "up": "1"}}
    changed = {"kind": "DeviceChanged", "device": link}
    every = {"kind": "Enumerated", "devices": [link, {"name": "sda", "properties": {}}]}
    for line in (received, changed, every):
        text = json.dumps(redaction.record(line))
        assert "hush" not in text
        assert "iqn.2004-01.org.example:store" in text


def test_what_a_tool_has_printed_has_no_key_of_nvme() -> None:
    error, complaints = "dhchap_secret=DHHC-1:00:aHVzaA==:", "NVMeTLSkey-1:01:bXVt:"
    line = {"kind": "JobEnded", "status": 1, "error": error, "complaints": complaints}
    found = redaction.record(line)
    assert found["error"] == "dhchap_secret=DHHC-1:00:…"
    assert found["complaints"] == "NVMeTLSkey-1:01:…"
    assert found["status"] == 1


@pytest.mark.parametrize(
    ("name", "text", "shown"),
    [
        ("netroot", "iscsi:u:hush@h::::iqn.x:a@b", "iscsi:u:…@h::::iqn.x:a@b"),
        ("netroot", "iscsi:@h::::iqn.x:a@b", "iscsi:@h::::iqn.x:a@b"),
        ("netroot", "iscsi:h::::iqn.x:a@b", "iscsi:h::::iqn.x:a@b"),
        ("netroot", "iscsi:u:iqn.hush@h::::iqn.x:a", "iscsi:u:…@h::::iqn.x:a"),
        ("netroot", "iscsi:u:h@ush:v:hush@h::::iqn.x", "iscsi:u:…:v:…@h::::iqn.x"),
        ("iscsi_param", "node.session.auth.password=hush", "node.session.auth.password=…"),
        (
            "rd.iscsi.params",
            "node.session.auth.password_in=hush",
            "node.session.auth.password_in=…",
        ),
        ("ISCSI_PASSWORD", "hush", "…"),
        ("ISCSI_IN_PASSWORD", "hush", "…"),
    ],
)
def test_logins_of_iscsi_in_all_spellings(name: str, text: str, shown: str) -> None:
    assert secretfields.value(name, text) == shown
