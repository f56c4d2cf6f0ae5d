"""How a link comes from state to state: the note in the journal, what it waits for, its client."""

from collections.abc import Callable

from initpy.core.actions import Moved
from initpy.core.netsettings import Bond, LinkRequest, NetLimits, NetworkSettings, Vlan
from initpy.core.network.actions import SwitchLink
from initpy.core.network.dhcp import LONGEST_PAUSE, Client
from initpy.core.network.link import Link, LinkState, uses_dhcp6
from initpy.core.network.properties import NET_FOLDER, UP
from initpy.core.network.values import Reply
from initpy.core.network.virtual import below, carried_by, declared, master_of
from initpy.core.state.context import Context

# What the journal calls the states, in the words for jobs: pictures have a lane for each link.
PHASES = {
    LinkState.UNUSED: "skipped",
    LinkState.STARTING: "waiting",
    LinkState.NO_CARRIER: "waiting",
    LinkState.SEARCHING: "running",
    LinkState.LISTENING: "running",
    LinkState.GIVEN_UP: "failed",
    LinkState.SPARE: "ready",
    LinkState.CONFIGURING: "awaiting",
    LinkState.READY: "done",
    LinkState.LEFT: "withdrawn",
    LinkState.CARRIES: "done",
}
# How long ip=either6 waits for a router with addresses before it asks for DHCPv6.
ROUTER_SECONDS = 5.0


def move(context: Context, link: Link, state: LinkState, reason: str = "") -> bool:
    """Bring a link to a state, and note it in the journal; True if it is another one."""
    before = link.state
    news = link.move(state, context.now, reason)
    if news:
        words = PHASES[before], PHASES[state]
        if words[0] != words[1]:
            said = ": ".join(filter(None, (state.value, reason)))
            lane = "link" if link.version == 4 else "link6"
            context.current.act(Moved(f"{lane}@{NET_FOLDER}{link.name}", *words, said))
    return news


def client_for(context: Context, link: Link, request: LinkRequest) -> Client:
    return Client(link.mac, _judge(context), request.hostname, request.client_id)


def _judge(context: Context) -> Callable[[Reply], str]:
    """Return why an offer does not serve this boot, "" if it does."""
    settings = context.settings.network

    def judge(reply: Reply) -> str:
        if settings is not None and settings.from_dhcp and not reply.root_path:
            return "it names no root (option 17)"
        return ""

    return judge


def told_of(client: Client) -> str:
    """What a search has come to, for the user."""
    told = [f"{server}: {why}" for server, why in client.passed_over.items()]
    return "; ".join((f"asked {client.asked} times", *told))


def waits_for(context: Context, link: Link) -> str:
    """The parent of a VLAN that has to be switched on first; "" if nothing has to be."""
    made = declared(context.settings.network).get(link.name)
    for name in below(made) if isinstance(made, Vlan) else ():
        device = context.devices.get(NET_FOLDER + name)
        if device is None or device.properties.get(UP) != "1":
            return name
    return ""


def limit_of(settings: NetworkSettings | None, link: Link) -> float:
    """When the user's limit for what a link does now is over; infinite without one."""
    limits = settings.limits if settings is not None else NetLimits()
    seconds = limits.auto if link.state is LinkState.LISTENING else None
    either = link.request is not None and uses_dhcp6(link.request)
    if seconds is None and either and link.state is LinkState.LISTENING:
        seconds = ROUTER_SECONDS
    if link.state is LinkState.SEARCHING and (limits.dhcp or limits.dhcp_tries):
        seconds = (limits.dhcp or LONGEST_PAUSE) * (limits.dhcp_tries or 1)
    return link.since + seconds if seconds is not None else float("inf")


def carry(context: Context, link: Link, up: bool) -> None:
    """Switch a link on that others are made of; a bond switches its members on itself."""
    settings = context.settings.network
    uppers = carried_by(settings, link.name)
    if not uppers or context.goals.root_mounted:
        return
    move(context, link, LinkState.CARRIES, ", ".join(uppers))
    in_bond = isinstance(master_of(settings, link.name), Bond)
    if not up and not in_bond and not waits_for(context, link):
        link.switched_on = True
        context.current.act(SwitchLink(link.name, True))
