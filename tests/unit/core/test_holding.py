"""What holds the timers of arrays besides people (R7)."""

from desk import Desk, array, member, settings

from initpy.core.actions import ShowFailure
from initpy.core.events import WaitAsked
from initpy.core.jobs.definitions import JobDefinition, Success
from initpy.core.jobs.matching import Match
from initpy.core.settings import Degraded

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


def test_an_array_that_shows_after_the_root_deadline_does_not_wait_for_servers() -> None:
    """R16: they have had their time; what shows now is all that there is."""
    desk = Desk(settings(md_timeout=8.0, root_wait=30.0), also=(LOGIN,))
    desk.wait(40)
    assert desk.actions(ShowFailure)
    desk.see(member("vda"), array("md127", ("vda",), "inactive"))
    desk.end("md-member@vda")
    desk.wait(60)

    assert len(desk.runs("md-start@md127")) == 1


def test_after_the_root_deadline_people_are_asked_although_a_login_goes_on() -> None:
    """R8: the question is not taken back again for a server that nobody waits for any more."""
    ask = settings(md_timeout=8.0, root_wait=30.0, md_degraded=Degraded.ASK)
    desk = Desk(ask, also=(LOGIN,))
    desk.see(member("vda"), array("md127", ("vda",), "inactive"))
    desk.end("md-member@vda")
    desk.wait(45)

    assert [each.text for each in desk.asked()] == [
        "md127 has 1 of 2 members: vda. Start it without the others? (yes or no): "
    ]
    desk.answer("yes")
    assert len(desk.runs("md-start@md127")) == 1


def test_who_asks_for_more_time_waits_for_servers_again() -> None:
    desk = Desk(settings(md_timeout=8.0, root_wait=30.0), also=(LOGIN,))
    desk.wait(40)
    desk.give(WaitAsked(1, 100.0))
    desk.see(member("vda"), array("md127", ("vda",), "inactive"))
    desk.end("md-member@vda")
    desk.wait(80)

    assert not desk.runs("md-start@md127")


def test_a_job_on_the_boot_that_reveals_no_disk_holds_nothing() -> None:
    desk = desk_with(LOGIN._replace(reveals=False))
    desk.wait(20)

    assert len(desk.runs("md-start@md127")) == 1
