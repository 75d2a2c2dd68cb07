"""What a charge point delivers and fetches: diagnostics, logs and firmware (OCPP 1.6 §4.4, §4.5, §5.9, §5.19,
and the security extension).

It says which files it wants carried (`Cabinet.transfers`), and hears what came of each. A request replaces an
older one of its kind. Firmware is installed once no car charges, and starts the station anew. What becomes of
a request waits for a link where there is none.
"""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final, Literal, NamedTuple

from msgspec import UNSET, Struct
from msgspec.json import encode

from evsys.ocpp.v16 import messages as m
from evsys.simulator.cabinet import Cabinet
from evsys.simulator.security import Security, is_signed
from evsys.simulator.transfer import Transfer

UPLOAD_AFTER_S: Final = 1.0
"""Simulated seconds between a request for a file and its upload."""
INSTALL_S: Final = 20.0
"""How long an installation takes (simulated), and how long one waits for a car before it looks again."""
MAX_TRIES: Final = 10
"""However many are asked for."""
DEFAULT_RETRY_S: Final = 10
MAX_VERSION_CHARS: Final = 50
VERSION_MARK: Final = b"version:"
"""A firmware file whose first line begins so names its version; any other is counted up."""

FirmwareStatus = Literal[
    "DownloadScheduled",
    "Downloading",
    "Downloaded",
    "DownloadFailed",
    "SignatureVerified",
    "InvalidSignature",
    "InstallScheduled",
    "Installing",
    "InstallRebooting",
    "Installed",
    "Idle",
]
UNSIGNED: Final = frozenset(
    ("Downloading", "Downloaded", "DownloadFailed", "Installing", "Installed", "Idle")
)
"""What can be said of firmware that is not signed."""


class Upload(NamedTuple):
    """A file that was asked for. `request_id`: by GetLog; None: by GetDiagnostics."""

    url: str
    name: str
    content: bytes
    request_id: int | None
    tries: int
    retry_s: int


class Update(NamedTuple):
    """Firmware that is to be installed. `request_id` and `signature`: of SignedUpdateFirmware."""

    url: str
    retrieve_at: datetime
    tries: int
    retry_s: int
    install_at: datetime | None = None
    request_id: int | None = None
    certificate: str = ""
    signature: str = ""


def tries_of(retries: object, interval_s: object) -> tuple[int, int]:
    """How often it is tried, and after how many seconds again, by what a request says of it."""
    tries = retries if isinstance(retries, int) else 0
    wait_s = interval_s if isinstance(interval_s, int) else DEFAULT_RETRY_S
    return max(1, min(tries + 1, MAX_TRIES)), max(0, wait_s)


class Files:
    """The files of one charge point. `restart` starts it anew."""

    __slots__ = ("_cabinet", "_installs", "_restart", "_security", "_update", "_upload", "status", "version")

    def __init__(self, cabinet: Cabinet, security: Security, restart: Callable[[datetime], None]) -> None:
        self.status: FirmwareStatus = "Idle"
        self.version = "1.0"
        self._cabinet = cabinet
        self._security = security
        self._restart = restart
        self._upload: Upload | None = None
        self._update: Update | None = None
        self._installs = 1

    # -- diagnostics and logs ---

    def upload(self, wanted: Upload, now: datetime) -> bool:
        """Deliver a file. Whether an older request was given up for it."""
        given_up, self._upload = self._upload is not None, wanted
        self._cabinet.timers.after(now, "upload", UPLOAD_AFTER_S, self._send)
        return given_up

    def _send(self, now: datetime) -> None:
        upload = self._upload
        if upload is None:
            return
        self._say_upload(upload, "Uploading", now)

        def done(found: bytes | None, now: datetime) -> None:
            if self._upload is upload:
                self._sent(upload, found is not None, now)

        roots = tuple(self._security.roots("CentralSystemRootCertificate"))
        transfer = Transfer(upload.url, done, upload.name, upload.content, roots)
        self._cabinet.transfers.append(transfer)

    def _sent(self, upload: Upload, delivered: bool, now: datetime) -> None:
        if not delivered and upload.tries > 1:
            self._upload = upload._replace(tries=upload.tries - 1)
            self._cabinet.timers.later(now, "upload", upload.retry_s, self._send)
            return
        self._upload = None
        self._say_upload(upload, "Uploaded" if delivered else "UploadFailed", now)

    def _say_upload(
        self, upload: Upload, status: Literal["Uploading", "Uploaded", "UploadFailed"], now: datetime
    ) -> None:
        self._cabinet.tell(*_message_of(upload, status), now)

    def say_diagnostics(self, now: datetime) -> None:
        """How the upload of diagnostics stands."""
        busy = self._upload is not None and self._upload.request_id is None
        said = m.DiagnosticsStatusNotificationRequest(status="Uploading" if busy else "Idle")
        self._cabinet.say("DiagnosticsStatusNotification", said, now)

    def say_log(self, now: datetime) -> None:
        """How the upload of a log stands."""
        upload = self._upload
        if upload is not None and upload.request_id is not None:
            self._cabinet.say(*_message_of(upload, "Uploading"), now)
        else:
            self._cabinet.say("LogStatusNotification", m.LogStatusNotificationRequest(status="Idle"), now)

    # -- firmware ---

    def update(self, wanted: Update, now: datetime) -> bool:
        """Fetch and install firmware. Whether an older request was given up for it."""
        given_up, self._update = self._update is not None, wanted
        if wanted.retrieve_at > now:
            self._say(wanted, "DownloadScheduled", now)
        self._cabinet.timers.at(max(now, wanted.retrieve_at), "firmware", self._download)
        return given_up

    def _download(self, now: datetime) -> None:
        update = self._update
        if update is None:
            return
        self._say(update, "Downloading", now)

        def done(found: bytes | None, now: datetime) -> None:
            if self._update is update:
                self._downloaded(update, found, now)

        roots = tuple(self._security.roots("CentralSystemRootCertificate"))
        self._cabinet.transfers.append(Transfer(update.url, done, roots=roots))

    def _downloaded(self, update: Update, content: bytes | None, now: datetime) -> None:
        if content is None and update.tries > 1:
            self._update = update._replace(tries=update.tries - 1)
            self._cabinet.timers.later(now, "firmware", update.retry_s, self._download)
            return
        if content is None:
            self._end(update, "DownloadFailed", now)
            return
        self._say(update, "Downloaded", now)
        if update.request_id is not None:
            if not self._verify(update, content, now):
                self._security.report("InvalidFirmwareSignature", now)
                self._end(update, "InvalidSignature", now)
                return
            self._say(update, "SignatureVerified", now)

        def install(now: datetime) -> None:
            self._install(update, content, now)

        if update.install_at is not None and update.install_at > now:
            self._say(update, "InstallScheduled", now)
            self._cabinet.timers.at(update.install_at, "firmware", install)
        else:
            self._cabinet.timers.after(now, "firmware", INSTALL_S, install)

    def _verify(self, update: Update, content: bytes, now: datetime) -> bool:
        signer = self._security.firmware_signer(update.certificate, now)
        try:
            signature = b64decode(update.signature, validate=False)
        except Base64Error:
            return False
        return signer is not None and is_signed(content, signature, signer)

    def _install(self, update: Update, content: bytes, now: datetime) -> None:
        if self._cabinet.charging:
            again = INSTALL_S
            self._cabinet.timers.after(
                now, "firmware", again, lambda now: self._install(update, content, now)
            )
            return
        self._say(update, "Installing", now)
        self._installs += 1
        self.version = version_of(content) or f"{self._installs}.0"
        self._say(update, "InstallRebooting", now)
        self._restart(now)

    def accepted(self, now: datetime) -> None:
        """The station has booted: what was installed is at work."""
        update = self._update
        if update is not None and self.status in ("Installing", "InstallRebooting"):
            self._end(update, "Installed", now)
            self._security.report("FirmwareUpdated", now, self.version)

    def _end(self, update: Update, status: FirmwareStatus, now: datetime) -> None:
        self._update = None
        self._say(update, status, now)
        self.status = "Idle"

    def _say(self, update: Update, status: FirmwareStatus, now: datetime) -> None:
        """Firmware that is not signed has fewer words."""
        signed = update.request_id is not None
        if signed or status in UNSIGNED:
            self.status = status
            self._cabinet.tell(*_message_on(signed, update.request_id, status), now)

    def say_firmware(self, signed: bool, now: datetime) -> None:
        """How the installation of firmware stands, in the message of the one kind or the other."""
        update = self._update
        if update is not None and (update.request_id is not None) == signed:
            said = _message_on(signed, update.request_id, self.status)
        else:
            said = _message_on(signed, None, "Idle")
        self._cabinet.say(*said, now)


def _message_of(
    upload: Upload, status: Literal["Uploading", "Uploaded", "UploadFailed"]
) -> tuple[str, Struct]:
    """What tells how an upload stands."""
    if upload.request_id is None:
        return "DiagnosticsStatusNotification", m.DiagnosticsStatusNotificationRequest(status=status)
    word = status if status != "UploadFailed" else "UploadFailure"
    return "LogStatusNotification", m.LogStatusNotificationRequest(status=word, requestId=upload.request_id)


def _message_on(signed: bool, request_id: int | None, status: FirmwareStatus) -> tuple[str, Struct]:
    """What tells how the installation of firmware stands."""
    if not signed:
        return "FirmwareStatusNotification", m.FirmwareStatusNotificationRequest(
            status=status  # type: ignore[arg-type]  # of UNSIGNED
        )
    return "SignedFirmwareStatusNotification", m.SignedFirmwareStatusNotificationRequest(
        status=status, requestId=UNSET if request_id is None else request_id
    )


def version_of(content: bytes) -> str:
    """The version that a firmware file names; empty where it names none."""
    line = content.split(b"\n", 1)[0]
    if not line.startswith(VERSION_MARK):
        return ""
    return line.removeprefix(VERSION_MARK).strip().decode("ascii", "replace")[:MAX_VERSION_CHARS]


# -- what is in a log ---


class _State(Struct, frozen=True):
    """The first line of the diagnostics."""

    station: str
    firmware: str
    at: datetime
    registration: str
    configuration: dict[str, str]


def diagnostics(cabinet: Cabinet, version: str, now: datetime) -> bytes:
    """The diagnostics: the state, then every session, a JSON object in each line."""
    configuration = {name: cabinet.configuration.value(name) for name in cabinet.configuration.readable()}
    state = _State(cabinet.name, version, now, cabinet.registration, configuration)
    return _lines(encode(each) for each in (state, *cabinet.report))


def security_log(security: Security) -> bytes:
    """The security log: every event that is kept, a JSON object in each line."""
    return _lines(encode(each) for each in security.log)


def _lines(encoded: Iterator[bytes]) -> bytes:
    return b"".join(each + b"\n" for each in encoded)
