"""Idempotency-Key: a POST that comes again with the same key is answered as it was, and not done again."""

import hmac
from collections.abc import Callable
from typing import Final

from litestar.exceptions import ValidationException
from litestar.handlers import HTTPRouteHandler
from litestar.serialization import encode_json
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from msgspec import Raw

from evsys.api.access import key_holder
from evsys.api.problems import MEDIA_TYPE, UNSURE
from evsys.api.strict import Connection, StrictRequest
from evsys.core.errors import AnswerGone
from evsys.core.records import KeyedRequest, Record
from evsys.core.work import Work
from evsys.office.office import Office
from evsys.office.repeats import Answer, Asked
from evsys.office.writing import ONCE

HEADER: Final = "Idempotency-Key"
MAX_KEY_CHARACTERS: Final = 255
PATTERN: Final = f"^[!-~]{{1,{MAX_KEY_CHARACTERS}}}$"
"""Printable ASCII without blanks: a UUID is best."""
REPLAYED: Final = (b"idempotent-replayed", b"true")
STREAMED: Final = "streamed"
"""The option of a handler whose body is too large to be read first: its length stands for it, and what the
query says of it."""
SHOWN_ONCE: Final = "shown_once"
"""The option of a handler whose answer holds a secret: it is shown once, and neither kept nor told again."""


def once_per_key(office: Office) -> Callable[[ASGIApp], ASGIApp]:
    """The middleware of all routes: only POSTs with the header take this way."""

    def wrap(app: ASGIApp) -> ASGIApp:
        async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
            asked = None
            if scope.get("method") == "POST":
                asked = await _asked(Connection(scope, receive), StrictRequest(scope, receive))
            if asked is None:
                await app(scope, receive, send)
                return
            handler = scope["route_handler"]
            assert isinstance(handler, HTTPRouteHandler)
            once = await office.repeats.begin(asked, handler.status_code, _answer_of(handler))
            if isinstance(once, KeyedRequest):
                for message in _again(once, SHOWN_ONCE in handler.opt):
                    await send(message)
                return
            messages: list[Message] = []

            async def gather(message: Message) -> None:
                messages.append(message)

            token = ONCE.set(once)
            try:
                await app(scope, receive, gather)
            finally:
                ONCE.reset(token)
            unsure = UNSURE in scope["state"]
            await office.repeats.end(once, _answer(messages, unsure, SHOWN_ONCE in handler.opt))
            for message in messages:
                await send(message)

        return wrapped

    return wrap


async def _asked(connection: Connection, request: StrictRequest) -> Asked | None:
    """What the request is told from others by; None where it has no Idempotency-Key, or nobody may ask."""
    keys = connection.headers.getall(HEADER, [])
    if not keys:
        return None
    (key, *more) = keys
    if more or not 0 < len(key) <= MAX_KEY_CHARACTERS or any(not "!" <= each <= "~" for each in key):
        raise ValidationException(
            f"{HEADER}: must be given once, 1 to {MAX_KEY_CHARACTERS} printable ASCII characters, no blanks"
        )
    person = await key_holder(connection)
    if person is None:
        return None
    target = request.scope["raw_path"] + b"?" + request.scope["query_string"]
    # Keyed with the caller's secret, which is kept nowhere: a password in a body cannot be guessed from it.
    secret = connection.headers["authorization"].encode()
    if STREAMED in request.route_handler.opt:
        body = connection.headers.get("content-length", "").encode("latin-1")
    else:
        body = await request.body()
    digest = hmac.digest(secret, b"POST %s\n%s" % (target, body), "sha256").hex()
    return Asked(owner=person.key_id, key=key, digest=digest)


def _answer_of(handler: HTTPRouteHandler) -> Callable[[Work], Raw | None]:
    """The answer of a route that makes a record and answers with it: it is known from the Work."""
    kind = handler.parsed_fn_signature.return_type.annotation
    if not (isinstance(kind, type) and issubclass(kind, Record)):
        return lambda work: None

    def answer_of(work: Work) -> Raw | None:
        made = [record for op, record in work.ops if op == "add" and type(record) is kind]
        return Raw(encode_json(made[0])) if len(made) == 1 else None

    return answer_of


def _answer(messages: list[Message], unsure: bool, shown_once: bool) -> Answer:
    status, location, body = 500, "", b""
    for message in messages:
        if message["type"] == "http.response.start":
            status = message["status"]
            headers = {name.lower(): value.decode("latin-1") for name, value in message["headers"]}
            location = headers.get(b"location", "")
        elif message["type"] == "http.response.body" and not (shown_once and status < 400):
            body += message["body"]
    return Answer(status=status, location=location, body=body, unsure=unsure)


def _again(done: KeyedRequest, shown_once: bool) -> tuple[Message, Message]:
    """The answer as it was. Raises AnswerGone."""
    if done.answer is None:
        why = (
            "holds a secret, which is shown once: if it did not arrive, revoke what was made and make another"
            if shown_once
            else "was not kept: it is too long, or names a secret, or the server stopped before it was told"
        )
        raise AnswerGone(f"the request with this Idempotency-Key was done ({done.status}); its answer {why}")
    body = bytes(done.answer)
    headers = [
        (b"content-type", (MEDIA_TYPE if done.status >= 400 else "application/json").encode()),
        (b"content-length", b"%d" % len(body)),
        REPLAYED,
    ]
    if done.location:
        headers.append((b"location", done.location.encode("latin-1")))
    return (
        {"type": "http.response.start", "status": done.status, "headers": headers},
        {"type": "http.response.body", "body": body, "more_body": False},
    )
