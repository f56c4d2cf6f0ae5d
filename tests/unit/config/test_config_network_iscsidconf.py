"""What iscsid.conf of the image says of sessions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initpy.config.network.iscsidconf import PATH, applied, records, without_secrets
from initpy.config.settings import read_settings
from initpy.core.netsettings import IscsiRoot, NetworkSettings
from initpy.core.network.iscsi import record_of

DISK = "iqn.2009-06.example:disk"
LINE = f"root=UUID=1-2 netroot=iscsi:10.0.7.2::::{DISK}"
CHAP = """\
# The usual file has comments
node.session.auth.authmethod = CHAP
node.session.auth.username = me
  node.session.auth.password =hu sh
"""
BACK = "node.session.auth.username_in = they\nnode.session.auth.password_in = mum\n"


def read(text: str, line: str = LINE) -> tuple[NetworkSettings, list[str]]:
    settings, problems = read_settings(line)
    assert problems == ()
    settings, wrong = applied(settings, {PATH: text})
    assert settings.network is not None
    return settings.network, [str(each) for each in wrong]


def login(network: NetworkSettings) -> tuple[str, bytes, str, bytes]:
    [target] = network.targets
    assert isinstance(target, IscsiRoot)
    first, second = (
        bytes(each.reveal()) if each is not None else b""
        for each in (target.login.password, target.login.password_in)
    )
    return target.login.username, first, target.login.username_in, second


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        (CHAP, LINE, ("me", b"hu sh", "", b"")),
        (CHAP + BACK, LINE, ("me", b"hu sh", "they", b"mum")),
        # iscsid logs in without CHAP then, whatever else is there.
        (CHAP.replace("CHAP", "None"), LINE, ("", b"", "", b"")),
        (CHAP.replace("node.session.auth.authmethod", "#"), LINE, ("", b"", "", b"")),
        (CHAP, LINE.replace("iscsi:", "iscsi:you:own@"), ("you", b"own", "", b"")),
        (CHAP, f"{LINE} rd.iscsi.username=you rd.iscsi.password=own", ("you", b"own", "", b"")),
    ],
)
def test_a_login_is_for_targets_without_one(
    text: str, line: str, expected: tuple[str, bytes, str, bytes]
) -> None:
    network, problems = read(text, line)
    assert problems == []
    assert login(network) == expected


def test_the_record_has_what_the_file_says_before_what_the_command_line_says() -> None:
    text = (
        "node.startup = automatic\nnode.session.timeo.replacement_timeout = 15\n"
        "node.session.scan = manual\nnode.session.nr_sessions = 4\n"
        "node.conn[0].timeo.noop_out_interval = 5\nnode.conn[0].iscsi.HeaderDigest = CRC32C\n"
        "iscsid.startup = /bin/systemctl start iscsid.socket\n"
    )
    network, problems = read(
        text, f"{LINE} rd.iscsi.param=node.session.timeo.replacement_timeout=9"
    )
    assert problems == []
    [target] = network.targets
    assert isinstance(target, IscsiRoot)
    lines = bytes(record_of(target, network.iscsi).reveal()).decode().splitlines()
    found = dict(each.split(" = ", 1) for each in lines)  # the last one counts, as in iscsiadm
    assert found["node.session.timeo.replacement_timeout"] == "9"
    assert found["node.conn[0].iscsi.HeaderDigest"] == "CRC32C"
    assert found["node.conn[0].timeo.noop_out_interval"] == "0"
    assert found["node.startup"] == "manual"
    assert not found.keys() & {"node.session.scan", "node.session.nr_sessions", "iscsid.startup"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense\n", "iscsid.conf:1: 'nonsense': expected NAME = VALUE"),
        ("# x\nnode.session.auth.password hush\n", "iscsid.conf:2: '…': expected NAME = VALUE"),
        ("node.session.auth.password=hush\n", "iscsid.conf:1: '…': expected NAME = VALUE, with a"),
        ("node.startup = manual", "iscsid.conf:1: 'node.startup': expected a line of less than"),
        ("a.b = " + 2048 * "x" + "\n", "iscsid.conf:1: 'a.b': expected a line of less than 2048"),
        ("a.b = \0\n", "iscsid.conf:1: 'a.b': expected a line of less than 2048"),
        ("node.startup =\n", "iscsid.conf:1: 'node.startup': expected NAME = VALUE"),
        ("node.session.auth.authmethod = CHAP\nnode.session.auth.password = hush\n",
         "username and password together"),
    ],
)  # fmt: skip
def test_what_is_malformed_is_one_line_without_a_secret(text: str, said: str) -> None:
    _, [problem] = read(text)
    assert said in problem
    assert "hush" not in problem


def test_without_a_target_the_file_says_nothing() -> None:
    network, problems = read("nonsense", "root=UUID=1-2 ip=dhcp")
    assert problems == []
    assert network.iscsi.of_file == ()


@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from([*CHAP.splitlines(), "a =", "= b"])).map("\n".join)
)
def test_any_text_is_read_and_a_journal_has_no_secret_of_it(text: str) -> None:
    shown = without_secrets(text)
    assert "hu sh" not in shown
    kept, problems = records(shown)
    assert not problems
    assert all(each.startswith("node.") for each in kept)
