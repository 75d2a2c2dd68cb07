"""Who comes in: a Bearer key with the right role, or, for EVSYS' own endpoint, a program on this machine.

A key-less request must come from a program here and from nowhere else: the peer is a loopback address, the
Host is a loopback name (or a web page could reach in by a name of its own that resolves to this machine), and
no header tells of a proxy or of a browser.
"""

from collections.abc import Awaitable, Callable
from ipaddress import IPv6Address, ip_address
from typing import Final

from litestar.exceptions import NotAuthorizedException, PermissionDeniedException
from litestar.handlers import BaseRouteHandler

from evsys.api.strict import Connection, no_unknown_query
from evsys.core.access import Action, allowed
from evsys.office.access import LOCAL, Person
from evsys.office.office import Office

CONFINES: Final = "confines"
"""The option of a handler that keeps somebody who is bound to locations to what is there by itself. All
others are shut to them, but those of one station in their path."""

Guard = Callable[[Connection, BaseRouteHandler], Awaitable[None]]

CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}
TELLTALE: Final = frozenset(("forwarded", "via", "origin"))
"""Headers of proxies and browsers, beside all that begin with these:"""
TELLTALE_PREFIXES: Final = ("x-forwarded-", "sec-fetch-")


def needs(action: Action) -> Guard:
    """Lets in whose key may do `action`."""

    async def guard(connection: Connection, handler: BaseRouteHandler) -> None:
        person = admit(await key_holder(connection), action)
        connection.scope["auth"] = person
        await no_unknown_query(connection, handler)
        if person.bound and CONFINES not in handler.opt:
            if "station_id" not in connection.path_params:
                raise PermissionDeniedException(f"{action} is here of more than {_places(person)}")
            await office_of(connection).reach.check(person, connection.path_params["station_id"])

    return guard


def admit(person: Person | None, action: Action) -> Person:
    """The person, where there is one who may do `action`; else raises."""
    if person is None:
        raise NotAuthorizedException(
            "send a key of this server as 'Authorization: Bearer KEY' (evsys key create)", headers=CHALLENGE
        )
    if person.bound and not person.may(action) and allowed(person.role, person.scopes, action):
        raise PermissionDeniedException(f"{action} is of more than {_places(person)}")
    if not person.may(action):
        raise PermissionDeniedException(f"the role {person.role} may not do {action}")
    return person


def _places(person: Person) -> str:
    return f"the locations that you see: {', '.join(person.location_ids)}"


async def key_holder(connection: Connection) -> Person | None:
    """The holder of the key that a request brings; None without a good one."""
    scheme, _, secret = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    return await office_of(connection).keys.who(secret.strip())


async def key_holder_or_local(connection: Connection) -> Person | None:
    """As `key_holder`; and whoever asks from this machine without a good key, where that is allowed."""
    person = await key_holder(connection)
    if person is None and not connection.app.state.key_required and from_this_machine(connection):
        return LOCAL
    return person


def from_this_machine(connection: Connection) -> bool:
    """Whether a program on this machine asks, with nothing in between."""
    client = connection.client
    if client is None or not _is_loopback(client.host):
        return False
    hosts = []
    for name, value in connection.scope["headers"]:
        header = name.decode("latin-1").lower()
        if header in TELLTALE or header.startswith(TELLTALE_PREFIXES):
            return False
        if header == "host":
            hosts.append(value.decode("latin-1"))
    return len(hosts) == 1 and _is_loopback_name(hosts[0])


def _is_loopback_name(host: str) -> bool:
    if host.startswith("["):
        name, bracket, port = host[1:].partition("]")
        if not bracket or not (port == "" or (port[0] == ":" and _is_port(port[1:]))):
            return False
        return _is_loopback(name)
    name, colon, port = host.partition(":")
    if colon and not _is_port(port):
        return False
    return name.lower() == "localhost" or _is_loopback(name)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _is_loopback(address: str) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped.is_loopback
    return parsed.is_loopback


def office_of(connection: Connection) -> Office:
    office: Office = connection.app.state.office
    return office
