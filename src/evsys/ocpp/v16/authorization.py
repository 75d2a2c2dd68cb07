"""Authorization and the local list: Authorize, ClearCache, GetLocalListVersion, SendLocalList (OCPP 1.6 §4.1,
§5.4, §5.10, §5.15)."""

from evsys.core import commands
from evsys.core.authorization import authorize
from evsys.core.commands import Outcome
from evsys.core.errors import BadCommand
from evsys.core.events import AuthorizationAnswered
from evsys.core.station import Station
from evsys.core.work import Turn
from evsys.ocpp.dialect import Performance, Request, call
from evsys.ocpp.v16 import messages as m
from evsys.ocpp.v16.dialect import V16, given, id_tag, id_tag_info, seconds
from evsys.ocpp.v16.models import heard_tag


@V16.answers(m.AuthorizeRequest)
def authorize_id_tag(turn: Turn, request: m.AuthorizeRequest) -> m.AuthorizeResponse:
    id_token = heard_tag(request.idTag, turn.station)
    verdict = authorize(turn, id_token)
    turn.work.tell(
        AuthorizationAnswered(station_id=turn.station.id, id_token=id_token, status=verdict.status)
    )
    return m.AuthorizeResponse(idTagInfo=id_tag_info(verdict))


@V16.performs(commands.ClearCache)
def clear_cache(command: commands.ClearCache, station: Station) -> Performance:
    answer, raw = yield from call(Request("ClearCache", m.ClearCacheRequest(), m.ClearCacheResponse))
    return Outcome(accepted=answer.status == "Accepted", status=answer.status, detail=raw)


@V16.performs(commands.GetLocalListVersion)
def get_local_list_version(command: commands.GetLocalListVersion, station: Station) -> Performance:
    """The status is the number; below 0 there is no list to be had."""
    request = Request("GetLocalListVersion", m.GetLocalListVersionRequest(), m.GetLocalListVersionResponse)
    answer, raw = yield from call(request)
    return Outcome(accepted=answer.listVersion >= 0, status=str(answer.listVersion), detail=raw)


@V16.performs(commands.SendLocalList)
def send_local_list(command: commands.SendLocalList, station: Station) -> Performance:
    """An entry without a status deletes its token, which only a differential update can say."""
    request = m.SendLocalListRequest(
        listVersion=command.version,
        localAuthorizationList=[_entry(each, command.update) for each in command.entries],
        updateType=command.update,
    )
    answer, raw = yield from call(Request("SendLocalList", request, m.SendLocalListResponse))
    return Outcome(accepted=answer.status == "Accepted", status=answer.status, detail=raw)


def _entry(entry: commands.LocalListEntry, update: str) -> m.LocalAuthorization:
    if entry.status is None:
        if update == "Full":
            raise BadCommand(f"entries: {entry.id_token} needs a status in a full update")
        return m.LocalAuthorization(idTag=id_tag(entry.id_token))
    info = m.IdTagInfo(
        status=entry.status,
        expiryDate=seconds(entry.expires_at),
        parentIdTag=given(id_tag(entry.parent) if entry.parent else None),
    )
    return m.LocalAuthorization(idTag=id_tag(entry.id_token), idTagInfo=info)
