"""What process 1 begins before the engine is there: as the jobs have it, and nothing locally."""

import os
import time
from pathlib import Path

import pytest

from initpy.config.jobs import load_job_file
from initpy.config.settings import read_settings
from initpy.core.actions import Run
from initpy.core.boot import Boot
from initpy.core.events import BootStarted
from initpy.runtime import early
from initpy.scenario.parse import load_scenario

SCENARIOS = sorted((Path(__file__).parents[2] / "scenarios").glob("*.toml"))
JOBS = Path(__file__).parents[3] / "jobs"


@pytest.mark.parametrize(
    ("words", "command", "network"),
    [
        ("root=LABEL=system", (), False),
        ("root=/dev/vda1 rootflags=vers=3", (), False),
        ("root=UUID=7a0c netroot=dhcp", (), True),
        ("root=/dev/root netroot=dhcp", early.NFS, True),
        ("root=UUID=7a0c netroot=iscsi:10.0.2.1::::iqn.2009-06.a:b", (), True),
        ("root=nbd:10.0.2.1:disk", (), True),
        ("root=UUID=7a0c rd.nvmf.discover=tcp,10.0.2.1", (), True),
        ("root=virtiofs:/tag", (), False),
        ("root=zfs:pool", (), False),
        ("root=dhcp", early.NFS, True),
        ("netroot=dhcp6", early.NFS, True),
        ("root=/dev/nfs nfsroot=10.0.2.1:/srv", early.NFS, True),
        ("root=/dev/nfs nfsroot=10.0.2.1:/srv,tcp,vers=3", early.NFS_3, True),
        ("boot=nfs nfsroot=auto root=/dev/sda1", early.NFS, True),
        ("root=nfs4:[fd00::1]:/srv", early.NFS, True),
        ("root=[fd00::1]:/srv:v3", early.NFS_3, True),
        ('root="server:/srv/root" rootflags=nfsvers=3', early.NFS_3, True),
        ("root=LABEL=system root=dhcp", early.NFS, True),
        ("root=dhcp root=LABEL=system", (), False),
        ("root=LABEL=system -- root=dhcp", (), False),
        ("root=dhcp ip=off", (), False),
        ("", (), False),
    ],
)
def test_the_guess(words: str, command: tuple[str, ...], network: bool) -> None:
    assert early.guess(words) == (command, network)


def test_the_guess_is_what_the_engine_wants_in_each_scenario() -> None:
    jobs = tuple(job for path in sorted(JOBS.glob("*.toml")) for job in load_job_file(path).jobs)
    for path in SCENARIOS:
        cmdline = load_scenario(path).cmdline
        settings, _ = read_settings(cmdline, None, "/etc/crypttab", None, jobs)
        network = settings.network
        wanted = network is not None and not network.off and network.root_needs_link
        actions = Boot(settings, jobs).handle(BootStarted(False), 1.0)
        loads = [each.argv for each in actions if isinstance(each, Run) and "nfs" in each.argv]
        command, cards = early.guess(cmdline)
        assert ([command] if command else []) == loads, path.name
        assert wanted or not cards, path.name


def test_a_command_that_runs_is_found_and_one_that_has_ended_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(early, "RECORD", str(tmp_path / "begun"))
    monkeypatch.setattr(early, "MODPROBE", "/bin/sleep")
    assert early.under_way(("sleep", "50")) == 0
    early.begin(("sleep", "50"))
    # The parent goes on as soon as the child has left its memory: /proc knows the words later.
    limit = time.monotonic() + 30
    while not (pid := early.under_way(("sleep", "50"))) and time.monotonic() < limit:
        time.sleep(0.001)
    assert pid > 0
    assert early.under_way(("sleep", "51")) == 0
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    assert early.under_way(("sleep", "50")) == 0


def test_a_program_that_is_not_there_is_left_to_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(early, "RECORD", str(tmp_path / "begun"))
    monkeypatch.setattr(early, "MODPROBE", "/nowhere/modprobe")
    early.begin(early.NFS)
    assert not (tmp_path / "begun").exists()
