"""Rules are included with the programs they call and the groups they name."""

from pathlib import Path

from initpy.image.content.udev import account_lines, find_rules, is_hidden, mentions

RULES = """\
# PROGRAM="not-this" GROUP="nor-that"
SUBSYSTEM=="block", GROUP="disk", OWNER="daemon"
KERNEL=="sd*", IMPORT{program}="ata_id --export $devnode"
IMPORT{program}=="/sbin/mdadm --detail $devnode"
PROGRAM=="/bin/readlink $env{X}", RUN+="/usr/bin/thing --now", RUN{program}+="other"
RUN{builtin}+="kmod load", IMPORT{builtin}="blkid", ENV{MY_PROGRAM}="no"
ACTION=="remove", RUN+="$env{REMOVE_CMD}"
TEST=="group", GROUP:="tape"
"""


def test_programs_and_accounts_are_read_from_rules(tmp_path: Path) -> None:
    rules = tmp_path / "x.rules"
    rules.write_text(RULES)
    found = mentions([rules])
    assert found.programs == (
        "/bin/readlink",
        "/sbin/mdadm",
        "/usr/bin/thing",
        "/usr/lib/udev/ata_id",
        "/usr/lib/udev/other",
    )
    assert found.groups == ("disk", "tape")
    assert found.owners == ("daemon",)


def test_the_projects_rules_come_first_and_missing_ones_are_named(tmp_path: Path) -> None:
    own = tmp_path / "rules"
    own.mkdir()
    (own / "60-block.rules").write_text("# ours\n")
    found = find_rules([("60-block.rules", "a"), ("00-nowhere.rules", "b")], own)
    assert found.files == (own / "60-block.rules",)
    assert [(item.name, item.wanted_by) for item in found.missing] == [("00-nowhere.rules", "b")]


def test_accounts_have_numbers_but_no_secrets_or_members(tmp_path: Path) -> None:
    group, passwd = tmp_path / "group", tmp_path / "passwd"
    group.write_text("root:x:0:\ndisk:secret:6:alice,bob\nusers:x:100:\n")
    passwd.write_text("root:$6$hash:0:0:root:/root:/bin/bash\nalice:x:1000:1000::/home/alice:\n")
    assert account_lines(group, ["disk", "nobodys"]) == "disk:x:6:\nroot:x:0:\n"
    assert account_lines(passwd, []) == "root:x:0:0::/root:/bin/sh\n"


def test_the_administrators_rules_go_before_the_systems(tmp_path: Path) -> None:
    own, etc, usr = (tmp_path / name for name in ("own", "etc", "usr"))
    for folder in (own, etc, usr):
        folder.mkdir()
    for name in ("60-a.rules", "60-b.rules", "60-c.rules"):
        (usr / name).write_text(RULES)
    (etc / "60-a.rules").write_text('KERNEL=="x", GROUP="mine"\n')
    (etc / "60-b.rules").symlink_to("/dev/null")
    wanted = [(f"60-{each}.rules", "a") for each in "abc"]
    found = find_rules(wanted, own, (etc, usr))
    assert found.files == (etc / "60-a.rules", etc / "60-b.rules", usr / "60-c.rules")
    assert [is_hidden(path) for path in found.files] == [False, True, False]
    assert mentions(found.files[:2]).groups == ("mine",)
