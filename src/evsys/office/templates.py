"""Configuration templates: what people want of the configuration of stations, and how it differs.

Of several templates that fit a station and want the same key, one that names the station holds before one of
its model, and then the first by its id. Values are compared as they stand, but true and false without regard
to letter case; names of keys are compared without regard to it. Secrets are in no template.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection

from evsys.core.commands import SECRET_KEYS
from evsys.core.errors import BadCommand, EvsysError
from evsys.core.events import ConfigurationTemplateChanged, ConfigurationTemplateRemoved
from evsys.core.ports import Clock
from evsys.core.records import ConfigurationKey, ConfigurationTemplate
from evsys.core.workarounds import ModelProfile
from evsys.office.people import People, Rules
from evsys.office.writing import Books
from evsys.store.views import configuration
from evsys.store.views.configuration import Configured
from evsys.store.views.reader import Reader, record_by_id

MAX_TEMPLATES: Final = 500
"""All of them are read to know what a station should have."""
SECRETS: Final = (*SECRET_KEYS, "password", "passwd", "secret", "privatekey", "passphrase")
"""A key whose folded name has one of these in it is a secret."""


class WantedKey(Struct, frozen=True, kw_only=True):
    """A key that is wanted of a station, beside what the station has."""

    key: str
    value: str
    actual: str | None
    """What the station told when it was last read; null where it told none."""
    drifts: bool
    """Whether they differ; false while the configuration was never read."""
    readonly: bool
    template_id: str
    repair: bool
    verdict: str | None
    """What the station said when it was last told to take this value; null where it was not."""
    verdict_at: datetime | None


class Templates(People[ConfigurationTemplate]):
    """The configuration templates."""

    def __init__(self, books: Books, reader: Reader, clock: Clock) -> None:
        super().__init__(books, reader, clock, _TEMPLATE)


def is_secret(key: str) -> bool:
    """Whether the value of a key is a secret, as far as its name tells."""
    folded = key.lower()
    return any(each in folded for each in SECRETS)


def read_at(kept: Sequence[ConfigurationKey]) -> datetime | None:
    """When a configuration was read; None where it never was."""
    return max((each.at for each in kept), default=None)


def wanted_of(found: Configured, templates: Iterable[ConfigurationTemplate]) -> list[WantedKey]:
    """What is wanted of a station, by key."""
    actual = {each.key.lower(): each for each in found.kept}
    verdicts = {each.key.lower(): each for each in found.verdicts}
    wanted: dict[str, WantedKey] = {}
    fitting = [each for each in templates if _fits(each, found)]
    for template in sorted(fitting, key=lambda each: found.station.id not in each.station_ids):
        for key, value in msgspec.json.decode(template.configuration, type=dict[str, str]).items():
            folded = key.lower()
            told, verdict = actual.get(folded), verdicts.get(folded)
            if verdict is not None and verdict.value != value:
                verdict = None
            view = WantedKey(
                key=key if told is None else told.key,
                value=value,
                actual=None if told is None else told.value,
                drifts=bool(actual) and (told is None or not _same(value, told.value)),
                readonly=told is not None and told.readonly,
                template_id=template.id,
                repair=template.repair,
                verdict=None if verdict is None else verdict.status,
                verdict_at=None if verdict is None else verdict.at,
            )
            wanted.setdefault(folded, view)
    return [wanted[each] for each in sorted(wanted)]


def _fits(template: ConfigurationTemplate, found: Configured) -> bool:
    if found.station.id in template.station_ids:
        return True
    status = found.status
    if not template.vendor or status is None or not (status.vendor or status.model):
        return False
    family = ModelProfile(
        name=template.id, vendor=template.vendor, model=template.model, firmware=template.firmware
    )
    return family.fits(status.vendor, status.model, status.firmware_version)


def _same(wanted: str, actual: str | None) -> bool:
    if actual is None:
        return False
    wanted, actual = wanted.strip(), actual.strip()
    if wanted.lower() in ("true", "false"):
        return wanted.lower() == actual.lower()
    return wanted == actual


def _may_be(connection: Connection, template: ConfigurationTemplate) -> EvsysError | None:
    if not template.station_ids and not template.vendor:
        return BadCommand("station_ids: name stations, or give a pattern of a vendor (* stands for all)")
    names = list(msgspec.json.decode(template.configuration, type=dict[str, str]))
    if secret := next((each for each in names if is_secret(each)), None):
        return BadCommand(f"configuration: {secret} is a secret, which no template may hold")
    if len({each.lower() for each in names}) < len(names):
        return BadCommand("configuration: a key stands there twice, in different letter case")
    is_new = record_by_id(connection, ConfigurationTemplate, template.id) is None
    if is_new and configuration.count_templates(connection) >= MAX_TEMPLATES:
        return BadCommand(f"there are {MAX_TEMPLATES} configuration templates already")
    return None


def _may_go(connection: Connection, template: ConfigurationTemplate) -> None:
    """Nothing stands in the way."""


_TEMPLATE = Rules(
    ConfigurationTemplate,
    made=lambda template, by: ConfigurationTemplateChanged(template=template, by=by),
    changed=lambda template, by: ConfigurationTemplateChanged(template=template, by=by),
    removed=lambda template, by: ConfigurationTemplateRemoved(template_id=template.id, by=by),
    may_be=_may_be,
    may_go=_may_go,
    noun="configuration template",
)
