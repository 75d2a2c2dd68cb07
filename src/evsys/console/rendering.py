"""Pages: templates filled with what is known, in the visitor's language. What is from outside is escaped."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final, get_args
from urllib.parse import quote

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from litestar import Response
from markupsafe import Markup

from evsys.console.assets import addresses
from evsys.console.texts import LANGUAGES, Amounts, Language, marked, translations
from evsys.console.visitors import THEMES, Asked
from evsys.core.events import Event
from evsys.core.records import ConnectorStatus
from evsys.store.views.stations import StationView

TEMPLATES: Final = Path(__file__).parent / "templates"
PAGES: Final = (
    ("/", marked("Overview"), "station.read"),
    ("/stations", marked("Stations"), "station.read"),
    ("/sessions", marked("Sessions"), "transaction.read"),
    ("/events", marked("Events"), "event.read"),
    ("/users", marked("Users"), "access.read"),
)
"""What stands in the menu: address, name, and what one must be allowed."""


EVENT_KINDS: Final = " ".join(sorted(kind.__name__ for kind in get_args(Event)))
"""What a page listens for: a browser hears no event whose name it was not told."""


@cache
def environment(language: Language) -> Environment:
    """The templates in a language."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.loopcontrols"],
    )
    catalogue = translations(language)
    made.install_gettext_translations(catalogue, newstyle=True)  # type: ignore[attr-defined]  # by the extension
    amounts = Amounts(language)
    made.globals.update(
        asset=lambda name: addresses()[name],
        say=catalogue.gettext,
        language=language,
        languages=LANGUAGES,
        themes=THEMES,
        menu=PAGES,
        event_kinds=EVENT_KINDS,
    )
    made.filters.update(
        moment=moment,
        number=amounts.number,
        kw=amounts.kw,
        kwh=amounts.kwh,
        state=state_of,
        segment=lambda text: quote(text, safe=""),
        json=lambda value: msgspec.json.encode(value).decode(),
        lasted=lasted,
    )
    return made


def page(request: Asked, template: str, code: int = 200, /, **known: object) -> Response[bytes]:
    """A page, or a part of one, for whoever asks."""
    visitor = request.scope["user"]
    found = environment(visitor.language).get_template(template)
    text = found.render(visitor=visitor, path=request.scope["path"], partly=is_partly(request), **known)
    headers = {"Vary": "Cookie, HX-Request, Accept-Language"}
    return Response(text.encode(), media_type="text/html", status_code=code, headers=headers)


def is_partly(request: Asked) -> bool:
    """Whether a page of ours asks for a part of itself."""
    return request.headers.get("hx-request") == "true" and "hx-boosted" not in request.headers


@pass_context
def moment(context: Context, at: datetime | None) -> Markup:
    """A moment: UTC for whoever has no script, the viewer's own zone for all others, with UTC beside it."""
    if at is None:
        return Markup("–")
    utc = at.astimezone(UTC)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        utc.isoformat().replace("+00:00", "Z"),
        utc.strftime("%Y-%m-%d %H:%M:%S UTC"),
        utc.strftime("%Y-%m-%d %H:%M"),
    )


def lasted(began: datetime, ended: datetime) -> str:
    """How long something took, as h:mm:ss."""
    seconds = max(0, int((ended - began).total_seconds()))
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


COLOURS: Final = {
    "Available": "green",
    "Preparing": "azure",
    "Charging": "blue",
    "SuspendedEV": "cyan",
    "SuspendedEVSE": "cyan",
    "Finishing": "azure",
    "Reserved": "purple",
    "Occupied": "blue",
    "Unavailable": "secondary",
    "Faulted": "red",
}


def state_of(connector: ConnectorStatus | StationView) -> str:
    """The colour of a state; the word beside it says the same."""
    if isinstance(connector, StationView):
        return "green" if connector.status is not None and connector.status.connected else "secondary"
    return COLOURS.get(connector.status, "secondary")
