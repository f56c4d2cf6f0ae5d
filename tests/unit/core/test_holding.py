"""What holds the timers of arrays besides people (R7)."""

from desk import Desk, array, member, settings

from initpy.core.actions import ShowFailure
from initpy.core.definitions import JobDefinition, Success
from initpy.core.matching import Match

LOGIN = JobDefinition(
    name="login",
    does="log in to the storage server",
    source="login.toml",
    match=Match(),
    success=Success(exit=True),
    run=("login",),
    once=True,
    reveals=True,
    tries=3,
    retry_after=10,
    timeout=0,
)


def desk_with(login: JobDefinition) -> Desk:
    desk = Desk(settings(md_timeout=8.0), also=(login,))
    desk.see(member("vda"), array("md127", ("vda",), "inactive"))
    desk.end("md-member@vda")
    return desk


def test_no_degraded_start_while_a_network_disk_is_expected() -> None:
    desk = desk_with(LOGIN)
    desk.wait(30)
    desk.end("login", status=1, error="connection refused")  # tried again in 10 s
    desk.wait(38)
    assert not desk.runs("md-start@md127")

    desk.wait(41)
    desk.end("login")  # the server has no more disks for us: only the timer counts now
    desk.wait(60)

    assert len(desk.runs("md-start@md127")) == 1


def test_a_server_that_is_given_up_holds_nothing() -> None:
    desk = desk_with(LOGIN._replace(tries=1))
    desk.end("login", status=1)
    desk.wait(20)

    assert len(desk.runs("md-start@md127")) == 1


def test_a_login_that_goes_on_for_ever_is_waited_for_until_the_root_deadline() -> None:
    """R16: retried until the deadline; R7: what is pending is started then."""
    desk = Desk(settings(md_timeout=8.0, root_wait=60.0), also=(LOGIN,))
    desk.see(member("vda"), array("md127", ("vda",), "inactive"))
    desk.end("md-member@vda")
    desk.wait(59)
    assert not desk.runs("md-start@md127")

    desk.wait(65)

    assert len(desk.runs("md-start@md127")) == 1
    assert not desk.actions(ShowFailure)


def test_a_job_on_the_boot_that_reveals_no_disk_holds_nothing() -> None:
    desk = desk_with(LOGIN._replace(reveals=False))
    desk.wait(20)

    assert len(desk.runs("md-start@md127")) == 1
