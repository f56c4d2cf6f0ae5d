"""Jobs that only ask whether something is ready, such as a daemon (`probes` in a job file)."""

from desk import JOBS, Desk, block

from initpy.config.jobs import load_job_file
from initpy.core.devices.graph import Device

MULTIPATH = load_job_file(JOBS / "extra/multipath.toml").jobs
ASKS, ADDS = "multipath-listens", "multipath-path@sda"
NO = "error -1 connecting to multipathd"


def path() -> Device:
    return block("sda", DM_MULTIPATH_DEVICE_PATH="1", DEVTYPE="disk", SYSTEMD_READY="0")


def started() -> Desk:
    """multipathd has gone to the background."""
    desk = Desk(also=MULTIPATH)
    desk.see(path())
    desk.end("multipath-modules")
    desk.end("multipath-daemon")
    return desk


def test_what_names_it_waits_until_the_answer_is_yes() -> None:
    desk = started()
    desk.end(ASKS, 1, error=NO)
    assert desk.runs(ADDS) == []
    desk.wait(desk.now + 0.5)
    assert len(desk.runs(ASKS)) == 2
    desk.end(ASKS)
    assert len(desk.runs(ADDS)) == 1


def test_a_no_is_not_reported() -> None:
    desk = started()
    desk.end(ASKS, 1, error=NO)
    assert NO not in desk.reports()


def test_the_last_no_is_reported_and_holds_nothing_any_more() -> None:
    desk = started()
    tries = next(each.tries for each in MULTIPATH if each.name == ASKS)
    for _ in range(tries):
        desk.end(ASKS, 1, error=NO)
        desk.wait(desk.now + 0.5)
    assert desk.reports().count(NO) == 1
    assert len(desk.runs(ADDS)) == 1
