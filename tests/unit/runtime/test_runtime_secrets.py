"""No secret that users write gets into the journal, and the journal replays all the same (R14)."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

from hypothesis import given
from hypothesis import strategies as st

from initpy.config.errors import InputError
from initpy.config.jobs import json_text, parse_job_file
from initpy.config.settings import read_settings
from initpy.core.boot import Boot
from initpy.core.devices.graph import Device
from initpy.core.events import BootStarted, Enumerated, Event, Mounted
from initpy.core.jobs.definitions import JobDefinition
from initpy.runtime.journal import Journal, basis
from initpy.runtime.mounts import extra_mounts
from initpy.simulation.journal.replay import replay

JOBS = Path(__file__).parents[3] / "jobs"
SECRET = "Qz7geheim"
# Where a secret stands: the command line, crypttab, a job file of a user's own.
WORDS = (
    "root=LABEL=r",
    "netroot=iscsi:joe:{}:rev:{}@10.0.0.1::::iqn.a:b",
    'rd.iscsi.password="{}"',
    "rootflags=ro,pass={}",
    "systemd.set_credential=cryptsetup.passphrase:{}",
    "rd.luks.options=tpm2-pin={}",
    "rd.nonsense.password={}",
)
TABLE = (
    "a UUID=1 {} keyscript=/bin/echo",
    "b UUID=2 {} tpm2-pin={}",
    "c nonsense none luks,passphrase={}",
    "# {}",
)
OWN = """
summary = "log in"
[[job]]
name = "log-in"
does = "log in"
once = true
success = { exit = true }
run = ["iscsistart", "-u", "joe", "-w", "{}"]
environment = { LOGIN_PASSWORD = "{}" }
[[job]]
name = "wrong"
does = "log in"
once = true
success = { exit = true }
run = "curl -u joe:{} http://joe:{}@host/"
"""


def planted(places: Sequence[str], secret: str) -> list[str]:
    return [each.replace("{}", secret) for each in places]


def journal_of(path: Path, words: list[str], table: list[str], own: str) -> str:
    """The journal of a boot of these: its first line, and what is done when it begins."""
    command_line, crypttab = " ".join(words), "\n".join(table)
    settings, problems = read_settings(command_line, crypttab)
    texts, wrong = {"/etc/initpy/jobs/own.toml": own}, list(problems)
    jobs: list[JobDefinition] = []
    try:
        jobs += parse_job_file("/etc/initpy/jobs/own.toml", own).jobs
    except InputError as error:
        wrong.append(error)
    jobs += parse_job_file("root.toml", (JOBS / "root.toml").read_text()).jobs
    jobs += parse_job_file("luks.toml", (JOBS / "luks.toml").read_text()).jobs
    journal, boot = Journal(str(path)), Boot(settings, tuple(jobs))
    journal.note(0.0, "EngineStarted", **basis(settings, command_line, crypttab, texts, wrong))
    luks = {"ID_FS_TYPE": "crypto_LUKS", "ID_FS_USAGE": "crypto", "ID_FS_VERSION": "1"}
    root = {"ID_FS_TYPE": "cifs", "ID_FS_USAGE": "filesystem", "ID_FS_LABEL_ENC": "r"}
    found = [
        Device(name, {"DEVNAME": f"/dev/{name}", "KERNEL": name, **known})
        for name, known in (
            ("sda", {**luks, "ID_FS_UUID_ENC": "1"}), ("sdb", {**luks, "ID_FS_UUID_ENC": "2"}),
            ("sdc", root),
        )
    ]  # fmt: skip
    fstab = "LABEL=u /usr cifs ro,password={}\n".replace("{}", SECRET)
    events: list[Event] = [BootStarted(), Enumerated(tuple(found)),
              Mounted("/sysroot", "/dev/sdc", extra_mounts(fstab, wrong.append))]  # fmt: skip
    for number, event in enumerate(events):
        journal.record(float(number), event)
        journal.decided(float(number), boot.handle(event, float(number)))
    return path.read_text()


def test_no_secret_is_in_the_journal(tmp_path: Path) -> None:
    """R14, fault 19: users send journals around."""
    words, table = planted(WORDS, SECRET), planted(TABLE, SECRET)
    own = OWN.replace("{}", SECRET)
    journal = journal_of(tmp_path / "journal", words, table, own)
    assert "Qz7" not in journal
    kinds = {json.loads(line)["kind"] for line in journal.splitlines()}
    assert kinds >= {"Fetch", "Mount", "Mounted"}  # some in which they would be
    # The job that is wrong spoils its file; alone the other one is run.
    whole_file = own[: own.rindex("[[job]]")]
    journal = journal_of(tmp_path / "other", words, table, whole_file)
    assert "Qz7" not in journal
    assert '"argv": ["iscsistart", "-u", "joe", "-w", "\\u2026"]' in journal


@given(st.sets(st.sampled_from(WORDS)), st.sets(st.sampled_from(TABLE)), st.booleans(),
       st.text("abcXYZ019!%&*~#-_.", max_size=9).map("Qz7".__add__))  # fmt: skip
def test_wherever_a_secret_is_planted_it_is_not_in_the_journal(
    words: set[str], table: set[str], whole: bool, secret: str
) -> None:
    own = OWN if whole else OWN[: OWN.rindex("[[job]]")]
    with tempfile.TemporaryDirectory() as folder:
        journal = journal_of(
            Path(folder) / "journal",
            planted(sorted(words), secret),
            planted(sorted(table), secret),
            own.replace("{}", secret),
        )
    assert "Qz7" not in journal


def test_a_journal_without_secrets_replays_as_the_boot_was(tmp_path: Path) -> None:
    """R34."""
    words, table = planted(WORDS, SECRET), planted(TABLE, SECRET)
    own = OWN[: OWN.rindex("[[job]]")].replace("{}", SECRET)
    lines = [
        json.loads(each) for each in journal_of(tmp_path / "j", words, table, own).splitlines()
    ]
    known = {f"{name}.json": json_text(JOBS / f"{name}.toml") for name in ("root", "luks")}
    lines[0]["jobs"] = {name: f"{crc32(text.encode()):08x}" for name, text in known.items()}
    replayed = replay(lines, known)
    assert replayed.difference is None
    assert replayed.decisions > 5
    assert replayed.notes == []
