"""The certificates of stations, and the authority that signs them."""

from typing import Annotated

from litestar import Response, get, post
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from evsys.api.access import needs
from evsys.api.desk import Desk
from evsys.api.problems import documented
from evsys.api.strict import StrictRequest
from evsys.core.errors import NotFound
from evsys.core.records import StationCertificate


class CertificateList(Struct, frozen=True, kw_only=True):
    items: list[StationCertificate]


class NewCertificate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A station's CSR, as PEM."""

    csr: Annotated[str, Meta(min_length=1, max_length=5500)]


@get(
    "/stations/{station_id:str}/certificates",
    guards=[needs("security.read")],
    responses=documented(400, 401, 403, 404, 503),
    tags=["security"],
)
async def list_certificates(office: Desk, station_id: FromPath[str]) -> CertificateList:
    """The certificates that were signed for a station, the newest first."""
    await office.stations.find(station_id)
    return CertificateList(items=await office.certificates.of_station(station_id))


@post(
    "/stations/{station_id:str}/certificates",
    guards=[needs("security.edit")],
    responses=documented(400, 401, 403, 404, 409, 413, 503),
    tags=["security"],
)
async def sign_certificate(
    office: Desk, station_id: FromPath[str], data: JSONBody[NewCertificate], request: StrictRequest
) -> StationCertificate:
    """Sign a CSR for a station that is given its certificate by hand. Nothing is sent to the station."""
    await office.stations.find(station_id)
    return await office.certificates.issue(station_id, data.csr, request.auth.name)


@post(
    "/certificates/{serial:str}/revoke",
    guards=[needs("security.edit")],
    responses=documented(400, 401, 403, 404, 409, 503),
    status_code=200,
    tags=["security"],
)
async def revoke_certificate(
    office: Desk, serial: FromPath[str], request: StrictRequest
) -> StationCertificate:
    """End a station's certificate: it is refused from now on, and a link that it made is cut."""
    return await office.certificates.revoke(serial, request.auth.name)


@get(
    "/authority",
    guards=[needs("security.read")],
    responses=documented(400, 401, 403, 404),
    media_type="application/x-pem-file",
    tags=["security"],
)
async def get_authority(office: Desk) -> Response[bytes]:
    """The root certificate of the own authority, as PEM: what stations and their makers are to trust."""
    root = office.certificates.root
    if not root:
        raise NotFound("there is no authority here (evsys ca init)")
    return Response(root.encode(), media_type="application/x-pem-file")
