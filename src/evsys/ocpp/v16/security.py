"""Security: SecurityEventNotification, SignCertificate, CertificateSigned, and the root certificates that a
station trusts (OCPP 1.6 security extension)."""

from datetime import datetime
from typing import Final, Literal

from evsys.core import commands
from evsys.core.commands import Outcome
from evsys.core.errors import BadCommand
from evsys.core.security import report_security_event, request_certificate
from evsys.core.station import Station
from evsys.core.work import Turn
from evsys.ocpp.dialect import Performance, Request, call
from evsys.ocpp.v16 import messages as m
from evsys.ocpp.v16.dialect import V16, said

_Use = Literal["CentralSystemRootCertificate", "ManufacturerRootCertificate"]
_USES: Final[dict[str, _Use]] = {
    "CSMSRootCertificate": "CentralSystemRootCertificate",
    "ManufacturerRootCertificate": "ManufacturerRootCertificate",
}


@V16.answers(m.SecurityEventNotificationRequest)
def security_event_notification(
    turn: Turn, request: m.SecurityEventNotificationRequest
) -> m.SecurityEventNotificationResponse:
    at = request.timestamp if isinstance(request.timestamp, datetime) else None
    report_security_event(turn, request.type, at, said(request.techInfo))
    return m.SecurityEventNotificationResponse()


@V16.answers(m.SignCertificateRequest)
def sign_certificate(turn: Turn, request: m.SignCertificateRequest) -> m.SignCertificateResponse:
    return m.SignCertificateResponse(status=request_certificate(turn, request.csr))


@V16.performs(commands.CertificateSigned)
def certificate_signed(command: commands.CertificateSigned, station: Station) -> Performance:
    request = m.CertificateSignedRequest(certificateChain=command.certificate_chain)
    answer, raw = yield from call(Request("CertificateSigned", request, m.CertificateSignedResponse))
    return Outcome(accepted=answer.status == "Accepted", status=answer.status, detail=raw)


@V16.performs(commands.InstallCertificate)
def install_certificate(command: commands.InstallCertificate, station: Station) -> Performance:
    request = m.InstallCertificateRequest(
        certificateType=_use(command.certificate_type), certificate=command.certificate
    )
    answer, raw = yield from call(Request("InstallCertificate", request, m.InstallCertificateResponse))
    return Outcome(accepted=answer.status == "Accepted", status=answer.status, detail=raw)


@V16.performs(commands.DeleteCertificate)
def delete_certificate(command: commands.DeleteCertificate, station: Station) -> Performance:
    wanted = command.certificate
    request = m.DeleteCertificateRequest(
        certificateHashData=m.CertificateHashData(
            hashAlgorithm=wanted.hash_algorithm,
            issuerNameHash=wanted.issuer_name_hash,
            issuerKeyHash=wanted.issuer_key_hash,
            serialNumber=wanted.serial_number,
        )
    )
    answer, raw = yield from call(Request("DeleteCertificate", request, m.DeleteCertificateResponse))
    return Outcome(accepted=answer.status == "Accepted", status=answer.status, detail=raw)


@V16.performs(commands.GetInstalledCertificateIds)
def get_installed_certificate_ids(
    command: commands.GetInstalledCertificateIds, station: Station
) -> Performance:
    """*NotFound* says that the station trusts none of this kind."""
    request = m.GetInstalledCertificateIdsRequest(certificateType=_use(command.certificate_type))
    answer, raw = yield from call(
        Request("GetInstalledCertificateIds", request, m.GetInstalledCertificateIdsResponse)
    )
    return Outcome(accepted=answer.status == "Accepted", status=answer.status, detail=raw)


def _use(certificate_type: commands.RootUse) -> _Use:
    if certificate_type not in _USES:
        raise BadCommand(f"certificate_type: OCPP 1.6 knows {', '.join(_USES)}")
    return _USES[certificate_type]
