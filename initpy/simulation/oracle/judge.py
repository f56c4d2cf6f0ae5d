"""Judges simulated boots: what must never happen, and what must happen in the end.

The oracle shares no code with the core's decisions. It knows the scenario (what stands on what,
who comes when, who types what), the events that the core was given and the actions that it
answered with; from these it works out for itself what a right boot looks like. Each invariant is
one function of a `Case` that yields the violations it finds, a time and words each; its name is
what `initpy explore` calls it.
"""

from collections.abc import Callable
from typing import NamedTuple

from initpy.simulation.machine.record import Simulated
from initpy.simulation.oracle import (
    asking,
    checks,
    commands,
    counted,
    groups,
    handover,
    hibernation,
    links,
    liveness,
    looks,
    monitors,
    rootnames,
    screen,
    secrets,
    shutdown,
    starts,
)
from initpy.simulation.oracle.case import Case, Found
from initpy.simulation.world.random_faults import RandomFaults


class Violation(NamedTuple):
    """An invariant that does not hold."""

    invariant: str
    time: float  # virtual seconds since /init began
    words: str

    def __str__(self) -> str:
        return f"{self.invariant} at {self.time:.1f} s: {self.words}"


INVARIANTS: tuple[Callable[[Case], Found], ...] = (
    starts.never_degraded_while_a_volume_is_locked,
    starts.never_degraded_while_a_network_disk_may_come,
    starts.never_degraded_before_its_time,
    starts.never_degraded_with_its_members_there,
    starts.never_degraded_while_a_member_is_looked_at,
    starts.never_degraded_against_the_policy,
    looks.another_hosts_array_is_looked_into_first,
    looks.nothing_is_looked_into_against_the_policy,
    looks.no_look_comes_before_its_time,
    looks.nothing_is_written_to_what_is_only_looked_into,
    looks.root_is_not_mounted_with_what_is_looked_into,
    looks.a_look_is_announced,
    looks.a_look_ends,
    rootnames.no_array_is_taken_by_name_before_the_end,
    starts.a_degraded_start_comes_in_time,
    starts.degraded_starts_are_announced,
    asking.no_prompt_for_an_unwanted_volume,
    asking.no_prompt_once_root_is_there,
    asking.one_prompt_at_a_time,
    asking.every_request_is_answered,
    asking.no_attempt_keeps_the_prompt_away,
    secrets.no_secret_is_readable,
    secrets.every_secret_is_wiped,
    asking.never_failed_while_a_user_types,
    asking.never_failed_before_the_time,
    commands.no_command_twice_at_a_time,
    commands.no_two_tools_change_an_array,
    commands.no_array_is_made_while_one_is_stopped,
    commands.no_command_twice_without_reason,
    commands.a_command_is_stopped_when_its_time_is_over,
    commands.no_process_outlives_its_instance,
    checks.only_what_fstab_names_is_checked,
    checks.no_other_check_begins_beside_roots_work,
    checks.no_file_system_is_checked_twice,
    checks.the_real_system_repeats_no_check,
    checks.no_other_check_is_killed,
    groups.a_foreign_group_is_not_written,
    commands.a_job_runs_after_those_it_names,
    handover.handed_over_once,
    handover.a_mounted_root_is_handed_over,
    handover.no_tool_below_root_at_the_handover,
    handover.the_right_root_is_mounted,
    checks.nothing_is_checked_before_a_stop_before_the_mount,
    hibernation.nothing_is_changed_before_it_is_clear_what_is_resumed,
    links.no_link_has_two_addresses,
    links.what_root_stands_on_is_not_taken_down,
    links.a_reachable_export_is_mounted,
    handover.named_volumes_are_open_before_the_handover,
    monitors.a_root_on_firmware_raid_has_its_monitor,
    monitors.nothing_uses_a_volume_that_its_monitor_makes_writable,
    screen.something_is_on_the_screen_in_time,
    screen.a_failure_screen_that_is_due_is_shown,
    screen.a_failed_boot_ends_in_time,
    counted.a_counted_boot_never_ends_beside_a_user,
    liveness.a_reachable_root_is_mounted,
    liveness.a_reachable_root_is_mounted_in_time,
    liveness.an_unreachable_root_is_not_mounted,
    liveness.an_unreachable_root_fails_in_time,
    liveness.a_failure_tells_why,
    shutdown.a_way_back_is_kept_for_layers,
    shutdown.nothing_is_taken_down_below_something,
    shutdown.nothing_is_left_at_a_shutdown,
    shutdown.a_shutdown_ends_in_time,
)


def judge(simulated: Simulated, random_faults: RandomFaults | None = None) -> tuple[Violation, ...]:
    """Every invariant that does not hold in this boot, the first violation of each."""
    case = Case.of(simulated, random_faults or RandomFaults())
    found = []
    for invariant in INVARIANTS:
        first = next(invariant(case), None)
        if first is not None:
            found.append(Violation(name_of(invariant), *first))
    return tuple(found)


def name_of(invariant: Callable[[Case], Found]) -> str:
    """The name of an invariant, for people: its words joined by "-"."""
    return invariant.__name__.replace("_", "-")
