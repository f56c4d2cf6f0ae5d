"""Where secrets stand in what users write: the parameter, the option, the field of its value (R14).

Journals are sent around, consoles are photographed. What is a secret is a matter of grammar; the
tables name the document of each row. A new parameter that takes a secret gets a row here. What is
left is enough to replay a boot: no decision depends on a secret.

`redaction` has whole texts without them: the command line, crypttab, job files, journals.
"""

import re
from collections.abc import Callable, Iterable

from initpy.config.textlines import unescaped
from initpy.core.secret import HIDDEN as HIDDEN
from initpy.core.tuples import NamedTuple

Hide = Callable[[str], str]
# What an option that switches something on or off may say: not a secret, and it decides.
SWITCHES = ("", "0", "1", "f", "n", "no", "t", "y", "yes", "true", "false", "on", "off")


class Row(NamedTuple):
    """Parameters or options, and what hides the secret fields of their values."""

    names: tuple[str, ...]
    hide: Hide
    source: str


# Fields of values


def _all(value: str) -> str:
    return HIDDEN if value else value


def _unless_switch(value: str) -> str:
    return value if value.lower() in SWITCHES else HIDDEN


def _after(separator: str) -> Hide:
    """What follows the first separator: `NAME:VALUE`, `USER%PASSWORD`."""

    def hide(value: str) -> str:
        name, found, secret = value.partition(separator)
        return f"{name}{found}{_all(secret)}"

    return hide


def url(value: str) -> str:
    """`SCHEME://USER:PASSWORD@…` without the password. It may have an unquoted `@` or `/` in it."""
    scheme, separator, rest = value.partition("://")
    user, at, host = rest.rpartition("@")
    name, colon, _ = user.partition(":")
    return f"{scheme}://{name}:{HIDDEN}@{host}" if separator and at and colon else value


def _userinfo(value: str) -> str:
    """`USER:PASSWORD@…` where nothing of the kind is expected."""
    credentials, at, rest = value.rpartition("@")
    user, colon, secret = credentials.partition(":")
    path = "/" in secret or "/" in user  # SERVER:/A@B is a folder, /dev/A:B@C a device
    return f"{user}:{HIDDEN}@{rest}" if at and colon and not path else value


def _login(value: str) -> str:
    """What follows iscsi: in root=."""
    from initpy.core.network.iscsilogin import without_login  # few boots have one

    return without_login(value)


def _root(value: str) -> str:
    """root= and netroot=: iSCSI with credentials, an URL with some, or mount options behind it."""
    kind, colon, rest = value.partition(":")
    if colon and kind.lower() == "iscsi":
        return f"{kind}:{_login(rest)}"
    if "://" in value:
        return url(value)
    if kind in ("nfs", "nfs4", "nbd", "cifs") or rest.startswith("/"):
        # SERVER:DIRECTORY[:OPTIONS], SERVER:PORT:TYPE:OPTIONS: any field may be a list of options.
        return ":".join(map(mount_options, _userinfo(value).split(":")))
    # A kind that is mistyped, as in iscs:USER:PASSWORD@…, or left out.
    mistyped = re.fullmatch("[A-Za-z0-9]{2,9}", kind) and ":" in rest.rpartition("@")[0]
    return f"{kind}:{_userinfo(rest)}" if mistyped else _userinfo(value)


def _after_comma(value: str) -> str:
    """`//SERVER/SHARE,OPTIONS`, `SERVER:/DIRECTORY,OPTIONS`."""
    share, comma, options = value.partition(",")
    return f"{share}{comma}{mount_options(options)}"


def _overlayroot(value: str) -> str:
    kind, colon, options = value.partition(":")
    return f"{kind}{colon}{mount_options(options)}"


def _assignment(value: str) -> str:
    """`node.session.auth.password=VALUE`: a record of open-iscsi."""
    name, separator, secret = value.partition("=")
    known = name in ISCSI_RECORDS or "password" in name.lower()
    return f"{name}{separator}{_all(secret)}" if known else value


def _pkcs11(value: str) -> str:
    """RFC 7512: a PIN may be among the query attributes of the URI."""
    return re.sub(r"(pin-value=)[^&;]*", rf"\1{HIDDEN}", value)


# Option lists


def mount_options(value: str) -> str:
    """A list of mount options, as in rootflags= and fstab."""
    return ",".join(mount_option_list(value.split(",")))


def mount_option_list(options: Iterable[str]) -> tuple[str, ...]:
    """The options one by one."""
    kept: list[str] = []
    in_password = False  # mount.cifs(8): `,,` is a comma within a password
    left = list(options)
    while left:
        option = left.pop(0)
        if in_password and not option and left:
            left.pop(0)
            kept += ("", HIDDEN)
            continue
        name, separator, secret = option.partition("=")
        shown = hidden(MOUNT_OPTIONS, name, secret)
        in_password = bool(separator) and shown != secret
        kept.append(f"{name}{separator}{shown}")
    return tuple(kept)


def crypt_options(value: str) -> str:
    """A list of crypttab options, as in the fourth field and in rd.luks.options=."""
    first, separator, rest = value.partition("=")
    if separator and re.fullmatch(UUID, first):
        return f"{first}={crypt_options(rest)}"
    return ",".join(map(crypt_option, value.split(",")))


def crypt_option(option: str) -> str:
    """One option of crypttab(5)."""
    name, separator, secret = option.partition("=")
    return f"{name}{separator}{hidden(CRYPT_OPTIONS, name, secret)}"


def crypt_key(key: str) -> str:
    """The third field of crypttab: what is no path is the key itself, or what a script takes."""
    text = unescaped(key)
    paths = text.startswith("/") or ":/" in text
    return key if paths or text in ("", "none", "-") else _all(key)


def _luks_key(value: str) -> str:
    """`[UUID=]PATH`, whatever stands for the UUID."""
    first, separator, rest = value.partition("=")
    if separator and (rest.startswith("/") or re.fullmatch(UUID, first)):
        return f"{first}={crypt_key(rest)}"
    return crypt_key(value)


def cryptopts(value: str) -> str:
    """Debian's `target=NAME,source=SPEC,key=FILE,OPTIONS`."""
    parts = value.split(",")
    script = script_of(parts)
    return ",".join(
        f"key={script_argument(script, each.removeprefix('key='))}"
        if each.startswith("key=")
        else crypt_option(each)
        for each in parts
    )


def _cryptdevice(value: str) -> str:
    """mkinitcpio's `DEVICE:NAME:OPTIONS`; a device named by path may have colons too."""
    before, colon, options = value.rpartition(":")
    return f"{before}{colon}{crypt_options(options)}"


def script_of(options: Iterable[str]) -> str:
    """The key script that options of crypttab name; empty without one."""
    found = [each.removeprefix("keyscript=") for each in options if each.startswith("keyscript=")]
    return found[-1] if found else ""


def script_argument(script: str, key: str) -> str:
    """The key field: for a key script it may be anything, a secret included."""
    return key if script.rpartition("/")[2] in SCRIPTS else crypt_key(key)


def hidden(rows: Iterable[Row], name: str, value: str) -> str:
    """The value without the secrets that a table, or the name itself, tells of."""
    key = normal(name)
    for row in rows:
        if key in row.names:
            return row.hide(value)
    # None of the tables knows it: whose name ends so is meant to be kept secret, also mistyped.
    if re.match(RECORD, value):
        return _assignment(value)
    meant = re.split("[.-]", key)[-1] in SECRET_WORDS or re.search(MISTYPED, key)
    return _unless_switch(value) if meant else url(value)


def normal(name: str) -> str:
    """A name for comparison: the kernel and systemd take "_" and "-" for the same."""
    return name.lower().replace("_", "-")


UUID = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
SECRET_WORDS = frozenset(
    ("pass", "passwd", "password", "passphrase", "passwort", "psk", "secret", "pin")
)
MISTYPED = r"pas+wo?r?d|passphras|secret"
# The records of open-iscsi that are passwords, see iscsid.conf.
ISCSI_RECORDS = frozenset(
    f"{part}.auth.password{way}"
    for part in ("node.session", "discovery.sendtargets")
    for way in ("", "_in")
)
RECORD = r"[a-z.]+\.auth\.password(_in)?="  # compiled when there is one
# Debian's key scripts whose argument is the name of a device, of a key, or a path, crypttab(5).
SCRIPTS = frozenset(("decrypt_derived", "decrypt_keyctl", "passdev"))

PARAMETERS = (
    Row(("root", "netroot"), _root,
        "dracut.cmdline(7): iscsi:USER:PASSWORD[:REVERSE:PASSWORD]@…, cifs://USER:PASSWORD@…, nfs"),
    Row(("iscsiroot",), _login, "dracut.cmdline(7), the older word for netroot=iscsi:"),
    Row(("rd.iscsi.password", "rd.iscsi.in.password", "rd.iscsi.in-password", "iscsi-password",
         "iscsi-in-password"), _all,
        "dracut.cmdline(7); README.Debian of open-iscsi for those without a dot"),
    Row(("rd.iscsi.param", "iscsi-param"), _assignment,
        "dracut.cmdline(7): --param of iscsistart(8)"),
    Row(("cifspass",), _all, "dracut.cmdline(7)"),
    Row(("ip", "nfsaddrs", "nbdroot"), _userinfo, "none: no login belongs there"),
    Row(("cifsroot", "nfsroot"), _after_comma,
        "Documentation/admin-guide/cifs and nfs/nfsroot of the kernel: mount options follow"),
    Row(("rootflags", "loopflags", "mount.usrflags"), mount_options,
        "dracut.cmdline(7), systemd-fstab-generator(8): mount options"),
    Row(("overlayroot",), _overlayroot, "overlayroot.conf of Ubuntu: crypt:pass=PASSPHRASE"),
    Row(("systemd.set-credential", "systemd.set-credential-binary"), _after(":"),
        "systemd(1): NAME:VALUE; cryptsetup.passphrase is one, see systemd.system-credentials(7)"),
    Row(("luks.options", "rd.luks.options"), crypt_options, "systemd-cryptsetup-generator(8)"),
    Row(("luks.key", "rd.luks.key"), _luks_key, "systemd-cryptsetup-generator(8): a path"),
    Row(("cryptopts",), cryptopts, "README.initramfs of Debian's cryptsetup"),
    Row(("cryptdevice",), _cryptdevice, "mkinitcpio(8), encrypt hook: options at the end"),
    Row(("inst.vncpassword", "vncpassword", "inst.rdp.password"), _all, "Anaconda, boot options"),
)  # fmt: skip
CRYPT_OPTIONS = (
    Row(("pkcs11-uri",), _pkcs11, "crypttab(5) of systemd: a URI of RFC 7512"),
    # Yes or no; users write the PIN there all the same.
    Row(("tpm2-pin",), _unless_switch, "crypttab(5) of systemd: whether there is a PIN"),
    Row(("veracrypt-pim",), _all, "crypttab(5): as secret as the passphrase, cryptsetup-open(8)"),
    Row(("password-echo", "password-cache"), lambda value: value, "crypttab(5): switches"),
)  # fmt: skip
MOUNT_OPTIONS = (
    Row(("pass", "passwd", "password", "password2"), _all, "mount.cifs(8)"),
    Row(("user", "username"), _after("%"), "mount.cifs(8): USER%PASSWORD"),
    Row(("secret",), _all, "mount.ceph(8)"),
    Row(("passphrase-passwd", "ecryptfs-passwd"), _all, "ecryptfs(7)"),
)  # fmt: skip
# Options of programs, before their value or joined with it.
PROGRAMS = {
    "iscsistart": (
        Row(("-w", "-W", "--password", "--password_in"), _all, "iscsistart(8)"),
        Row(("-P", "--param"), _assignment, "iscsistart(8)"),
    ),
    "mount": (Row(("-o", "--options"), mount_options, "mount(8)"),),
    "curl": (
        Row(("-u", "--user", "-U", "--proxy-user"), _after(":"), "curl(1)"),
        Row(("--pass", "--proxy-pass"), _all, "curl(1)"),
    ),
    "nvme": (
        Row(("-S", "--dhchap-secret", "-C", "--dhchap-ctrl-secret"), _all, "nvme-connect(1)"),
    ),
}


def value(name: str, text: str | None) -> str | None:
    """The value of a parameter of the command line."""
    return None if text is None else hidden(PARAMETERS, name, text)
