"""The errors that cross floors, each saying whose fault it is and what to do. A door maps each to its own
words."""


class EvsysError(Exception):
    """Base of the errors that a caller is expected to handle."""


class StationOffline(EvsysError):
    """The station is not connected: nothing was sent. Try again when it is back. (REST 409)"""


class StationUnknown(EvsysError):
    """No station of this identity is registered. (REST 404)"""


class NotSupportedByStation(EvsysError):
    """The command cannot be said in the OCPP version that this station speaks. (REST 422)"""


class BadCommand(EvsysError):
    """The command's own members are wrong; the text says which. (REST 400)"""


class CallFailed(EvsysError):
    """The station answered with a CALLERROR. (REST 502)"""

    def __init__(self, code: str, description: str, details: str = "{}") -> None:
        super().__init__(
            f"the station answered {code}: {description}" if description else f"the station answered {code}"
        )
        self.code = code
        self.description = description
        self.details = details


class BadAnswer(EvsysError):
    """The station's answer cannot be understood; `payload` holds it as sent. (REST 502)"""

    def __init__(self, reason: str, payload: str) -> None:
        super().__init__(f"the station's answer cannot be understood: {reason}")
        self.payload = payload


class NoAnswer(EvsysError):
    """The station did not answer in time; what it did is unknown. (REST 504)"""


class ConnectionLost(EvsysError):
    """The link broke before the station answered; what it did is unknown. (REST 504)"""


class TooManyCalls(EvsysError):
    """The queue of calls to this station is full. Try again later. (REST 429)"""


class StaleVersion(EvsysError):
    """The record was changed by somebody else since it was read. Read it again. (REST 409)"""


class AlreadyExists(EvsysError):
    """A record of this identity exists. (REST 409)"""


class InUse(EvsysError):
    """The record cannot be removed while others name it; the text says which. (REST 409)"""


class NotFound(EvsysError):
    """No record of this identity exists. (REST 404)"""


class NotAllowed(EvsysError):
    """Whoever asks may not do this; the text says what. (REST 403)"""


class SignInRefused(EvsysError):
    """The name, the password or the code is wrong, or the link is not good: it is not said which. (REST
    401)"""


class TooManyAttempts(EvsysError):
    """Somebody guesses, or too many sign in at once. Try again later. (REST 429)"""


class AuthorityUnavailable(EvsysError):
    """The authority cannot sign certificates now; the text says why. (REST 503)"""


class CertificateRequestRefused(EvsysError):
    """A CSR that is not signed; the text says why. (REST 400)"""


class StoreUnavailable(EvsysError):
    """The database did not take the change (disk full, locked, I/O error); nothing was stored. (REST 503)"""


class OutcomeUnknown(StoreUnavailable):
    """Nobody answered in time whether the change was stored. Look whether it is there. (REST 503)"""


class KeyReused(EvsysError):
    """The Idempotency-Key came before with another request: a key is for one request. (REST 422)"""


class UnderWay(EvsysError):
    """The request of this Idempotency-Key is being done. Ask again in a moment. (REST 409)"""


class AnswerGone(EvsysError):
    """The request of this Idempotency-Key was done, or may have been, and is not done again; its answer
    cannot be told. (REST 409)"""


class TooManyKeys(EvsysError):
    """Too many requests came with an Idempotency-Key: send without one, or later. (REST 429)"""


class TooLarge(EvsysError):
    """The file is larger than one may be. (REST 413)"""


class NoRoom(EvsysError):
    """There is no room for the file: as much is kept as may be, or the disk is full. Remove what is not
    needed any more. (REST 507)"""


class NotConfigured(EvsysError):
    """The configuration does not allow this; the text says which key would. (REST 422)"""
