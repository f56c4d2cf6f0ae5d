"""Builds cache what they derive from Python sources."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from initpy.image.content import python
from initpy.image.content.cache import Cache, cache_path, key_of
from initpy.image.content.python import Interpreter, Module
from initpy.image.process import ToolError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the cache file of a build, with two values."""
    found = tmp_path / "cache" / "python"
    first = Cache(found)
    first.put("a", b"1")
    first.put("b", b"2")
    first.save()
    return found


def test_the_next_build_finds_the_values_of_a_build(path: Path) -> None:
    again = Cache(path)
    assert (again.get("a"), again.get("b"), again.get("c")) == (b"1", b"2", None)
    assert path.stat().st_mode & 0o777 == 0o644
    assert [each.name for each in path.parent.iterdir()] == ["python"]


def test_a_build_with_new_values_writes_only_the_values_it_used(path: Path) -> None:
    upgraded = Cache(path)
    upgraded.get("a")
    upgraded.put("c", b"3")
    upgraded.save()
    after = Cache(path)
    assert (after.get("a"), after.get("b"), after.get("c")) == (b"1", None, b"3")


def test_a_build_without_new_values_writes_nothing(path: Path) -> None:
    before = path.stat()
    smaller = Cache(path)
    smaller.get("a")
    smaller.save()
    assert path.stat().st_ino == before.st_ino


def test_a_damaged_file_is_ignored(path: Path) -> None:
    whole = path.read_bytes()
    damaged = [whole[:place] for place in range(len(whole))]
    damaged += [
        whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        for place in range(len(whole))
    ]
    for data in damaged:
        path.write_bytes(data)
        assert Cache(path).get("a") is None


@pytest.mark.parametrize("mode", [0o666, 0o664, 0o646])
def test_a_file_that_other_users_may_write_is_ignored(path: Path, mode: int) -> None:
    path.chmod(mode)
    assert Cache(path).get("a") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_ignored(path: Path) -> None:
    os.chown(path, 65534, 65534)
    assert Cache(path).get("a") is None


def test_anything_but_a_file_is_ignored(path: Path, tmp_path: Path) -> None:
    link, fifo = tmp_path / "link", tmp_path / "fifo"
    link.symlink_to(path)
    os.mkfifo(fifo)
    for each in (link, fifo, tmp_path, tmp_path / "absent"):
        assert Cache(each).get("a") is None


def test_builds_go_on_without_a_writable_cache(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    nowhere = Cache(tmp_path / "file" / "python")
    nowhere.put("a", b"1")
    nowhere.save()
    assert nowhere.get("a") is None


def test_a_key_separates_its_parts() -> None:
    keys = [key_of(b"ab", b"c"), key_of(b"a", b"bc"), key_of(b"abc"), key_of(b"abc", b"")]
    assert len(set(keys)) == 4


def test_root_uses_the_systems_cache_and_other_users_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = f"initpy/python-{sys.version_info.major}.{sys.version_info.minor}"
    monkeypatch.setenv("XDG_CACHE_HOME", "/home/ann/cache")
    monkeypatch.setenv("HOME", "/home/ann")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert cache_path() == Path("/var/cache", name)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert cache_path() == Path("/home/ann/cache", name)
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    assert cache_path() == Path("/home/ann/.cache", name)


def test_a_user_without_a_home_has_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(Path, "home", homeless)
    assert cache_path() is None


@pytest.fixture
def module(tmp_path: Path) -> Module:
    source = tmp_path / "m.py"
    source.write_text("def f(): return 1\n")
    return Module("m", False, source, False)


def compiled(folder: Path, interpreter: Interpreter, *modules: Module) -> dict[str, bytes]:
    found = Cache(folder)
    made = python.compiled(interpreter, modules, found)
    found.save()
    return made


def test_bytecode_is_compiled_once_for_each_state_of_its_source(
    tmp_path: Path, module: Module
) -> None:
    interpreter = python.find_interpreter()
    first = compiled(tmp_path / "cache", interpreter, module)
    assert first == python.compiled(interpreter, [module])
    none = replace(interpreter, program=Path("/no/such/interpreter"))
    assert compiled(tmp_path / "cache", none, module) == first
    module.source.write_text("def f(): return 2\n")
    with pytest.raises(ToolError, match="could not be started"):
        compiled(tmp_path / "cache", none, module)
    assert compiled(tmp_path / "cache", interpreter, module) != first


def test_bytecode_of_a_source_that_changes_meanwhile_is_not_cached(
    tmp_path: Path, module: Module
) -> None:
    interpreter = python.find_interpreter()
    upgrade = tmp_path / "upgrade"
    upgrade.write_text(
        f"#!/bin/sh\necho 'def f(): return 3' >{module.source}\nexec {interpreter.program} \"$@\"\n"
    )
    upgrade.chmod(0o755)
    before = module.source.read_text()
    changed = compiled(tmp_path / "cache", replace(interpreter, program=upgrade), module)
    assert changed == python.compiled(interpreter, [module])
    module.source.write_text(before)
    assert compiled(tmp_path / "cache", interpreter, module) != changed


def test_the_same_source_at_another_path_has_other_bytecode(tmp_path: Path, module: Module) -> None:
    interpreter = python.find_interpreter()
    compiled(tmp_path / "cache", interpreter, module)
    other = replace(module, name="package.m")
    assert compiled(tmp_path / "cache", interpreter, other) == python.compiled(interpreter, [other])


def test_the_probe_gets_the_same_input_with_a_cache(tmp_path: Path) -> None:
    path = tmp_path / "cache"
    runs = []
    for _ in range(2):
        found = Cache(path)
        runs.append(python.probe_input(["pyudev"], found))
        found.save()
    assert runs[0] == runs[1] == python.probe_input(["pyudev"])


def test_without_a_path_nothing_is_cached() -> None:
    nowhere = Cache()
    nowhere.put("a", b"1")
    nowhere.save()
    assert Cache().get("a") is None
