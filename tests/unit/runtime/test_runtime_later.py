"""The engine starts without modules of the standard library that hardly any boot uses."""

import os
import subprocess
import sys

from initpy.runtime import later

ENGINE = """
import sys
from initpy.runtime import later
later.postpone()
import asyncio
import initpy.runtime.start
import initpy.runtime.net.network

async def work():
    loop = asyncio.get_running_loop()
    await asyncio.gather(asyncio.sleep(0), asyncio.to_thread(len, ()))
    await (await asyncio.create_subprocess_exec("true")).wait()
    server = await asyncio.start_unix_server(lambda *_: None, sys.argv[1])
    server.close()

asyncio.run(work())
print(*(each for each in later.SELDOM_USED if isinstance(sys.modules[each], later.Later)))
"""
USE = """
import sys
from initpy.runtime import later
later.postpone()
import inspect
from inspect import signature
import textwrap, locale, tokenize, traceback

assert inspect.signature is signature
assert list(signature(later.postpone).parameters) == ["names"]
assert not isinstance(sys.modules["inspect"], later.Later)
assert textwrap.dedent("  a") == "a"
try:
    inspect.nothing
except AttributeError as error:
    assert "nothing" in str(error)
try:
    import nothing_at_all
except ImportError:
    traceback.print_exc()
"""


def run(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a program without the test's own modules."""
    command = [sys.executable, "-c", program, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_engine_imports_and_runs_without_most_of_them(tmp_path: os.PathLike[str]) -> None:
    done = run(ENGINE, f"{tmp_path}/socket")
    assert done.stdout.split() == list(later.SELDOM_USED), done.stderr


def test_a_module_is_there_once_it_is_used() -> None:
    done = run(USE)
    assert done.returncode == 0, done.stderr
    assert "No module named 'nothing_at_all'" in done.stderr


def test_what_is_imported_already_stays() -> None:
    before = sys.modules["os"]
    later.postpone(("os",))
    assert sys.modules["os"] is before
