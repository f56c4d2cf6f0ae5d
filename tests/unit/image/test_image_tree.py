"""Paths in the image: the merged /usr, preserved links, no conflicts."""

from pathlib import Path

import pytest

from initpy.image.tree import Conflict, File, Folder, Link, Tree, image_path


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("/bin/sh", "/usr/bin/sh"),
        ("/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib/x86_64-linux-gnu/libc.so.6"),
        ("/lib64/ld-linux-x86-64.so.2", "/usr/lib64/ld-linux-x86-64.so.2"),
        ("/usr/bin/sh", "/usr/bin/sh"),
        ("/etc/../bin/sh", "/usr/bin/sh"),
        ("/bin", "/bin"),
        ("/binary/x", "/binary/x"),
    ],
)
def test_paths_lie_below_usr(here: str, there: str) -> None:
    assert image_path(here) == there


def test_parents_are_added() -> None:
    tree = Tree()
    tree.add("/a/b/c", File(b""))
    assert tree.get("/a/b") == Folder()


def test_two_things_at_one_path_are_a_conflict() -> None:
    tree = Tree()
    tree.add("/a", File(b"1"))
    tree.add("/a", File(b"1"))
    with pytest.raises(Conflict, match="/a"):
        tree.add("/a", File(b"2"))
    with pytest.raises(Conflict, match="/a"):
        tree.add("/a/b", File(b""))


def test_every_link_on_a_path_is_preserved(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/lib.so.1.2").write_bytes(b"x")
    (tmp_path / "real/lib.so.1").symlink_to("lib.so.1.2")
    (tmp_path / "also").symlink_to("real")
    (tmp_path / "start").symlink_to(tmp_path / "also/../also/lib.so.1")
    tree = Tree()
    found = tree.add_host(tmp_path / "start")
    assert found == str(tmp_path / "real/lib.so.1.2")
    assert tree.get(str(tmp_path / "start")) == Link(f"{tmp_path}/also/../also/lib.so.1")
    assert tree.get(str(tmp_path / "also")) == Link("real")
    assert tree.get(str(tmp_path / "real/lib.so.1")) == Link("lib.so.1.2")


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(Conflict, match="too many links"):
        Tree().add_host(tmp_path / "a")


def test_folders_are_added_with_their_content(tmp_path: Path) -> None:
    (tmp_path / "rules/deep").mkdir(parents=True)
    (tmp_path / "rules/deep/x").write_text("x")
    tree = Tree()
    tree.add_host(tmp_path / "rules")
    assert f"{tmp_path}/rules/deep/x" in tree


def test_set_uid_and_group_write_bits_are_dropped(tmp_path: Path) -> None:
    program = tmp_path / "su"
    program.write_bytes(b"")
    program.chmod(0o4775)
    tree = Tree()
    tree.add_host(program)
    assert tree.get(str(program)) == File(program, 0o755)
