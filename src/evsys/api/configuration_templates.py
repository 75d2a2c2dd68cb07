"""Configuration templates: the configuration that people want of stations."""

from functools import partial
from typing import Annotated

import msgspec
from litestar import delete, get, patch, post
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from evsys.api.access import needs
from evsys.api.desk import Cursor, Desk, Limit
from evsys.api.members import Id, MaybeVersion, Members, ShortText, Version
from evsys.api.problems import documented
from evsys.api.strict import StrictRequest
from evsys.core.commands import Key
from evsys.core.records import ConfigurationTemplate
from evsys.store.views import configuration
from evsys.store.views.paging import DEFAULT_PAGE

Value = Annotated[str, Meta(max_length=500)]
Wanted = Annotated[dict[Key, Value], Meta(min_length=1, max_length=100)]


class TemplateMembers(Members, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What people say of a template: the stations by their ids, or by patterns of what they call
    themselves."""

    name: ShortText | UnsetType = UNSET
    station_ids: Annotated[tuple[Id, ...], Meta(max_length=1000)] | UnsetType = UNSET
    vendor: ShortText | UnsetType = UNSET
    model: ShortText | UnsetType = UNSET
    firmware: ShortText | UnsetType = UNSET
    configuration: Wanted | UnsetType = UNSET
    repair: bool | UnsetType = UNSET

    def given(self) -> dict[str, object]:
        members = super().given()
        if "configuration" in members:
            members["configuration"] = Raw(msgspec.json.encode(members["configuration"]))
        return members


class NewTemplate(TemplateMembers, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A template to make."""

    id: Id
    configuration: Wanted


class TemplateChange(TemplateMembers, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change of a template, made from this version of it."""

    version: Version


class TemplateList(Struct, frozen=True, kw_only=True):
    items: list[ConfigurationTemplate]
    next: str | None = None


@get(
    "/configuration-templates",
    guards=[needs("template.read")],
    responses=documented(400, 401, 403, 503),
    tags=["configuration"],
)
async def list_templates(office: Desk, limit: Limit = DEFAULT_PAGE, cursor: Cursor = "") -> TemplateList:
    """Configuration templates in the order of their ids."""
    query = partial(configuration.templates_page, limit=limit, cursor=cursor)
    items, following = await office.reader.read(query)
    return TemplateList(items=items, next=following)


@get(
    "/configuration-templates/{template_id:str}",
    guards=[needs("template.read")],
    responses=documented(400, 401, 403, 404, 503),
    tags=["configuration"],
)
async def get_template(office: Desk, template_id: FromPath[str]) -> ConfigurationTemplate:
    """A configuration template by its id."""
    return await office.templates.find(template_id)


@post(
    "/configuration-templates",
    guards=[needs("template.edit")],
    responses=documented(400, 401, 403, 409, 413, 503),
    tags=["configuration"],
)
async def create_template(
    office: Desk, data: JSONBody[NewTemplate], request: StrictRequest
) -> ConfigurationTemplate:
    """Make a configuration template. Keys whose values are secrets are refused."""
    return await office.templates.create(data.id, data.given(), request.auth.name)


@patch(
    "/configuration-templates/{template_id:str}",
    guards=[needs("template.edit")],
    responses=documented(400, 401, 403, 404, 409, 413, 503),
    tags=["configuration"],
)
async def change_template(
    office: Desk, template_id: FromPath[str], data: JSONBody[TemplateChange], request: StrictRequest
) -> ConfigurationTemplate:
    """Change what is given of a configuration template. 409 where the version is not the present one."""
    return await office.templates.change(template_id, data.version, data.given(), request.auth.name)


@delete(
    "/configuration-templates/{template_id:str}",
    guards=[needs("template.edit")],
    responses=documented(400, 401, 403, 404, 409, 503),
    tags=["configuration"],
)
async def remove_template(
    office: Desk, template_id: FromPath[str], request: StrictRequest, version: MaybeVersion = None
) -> None:
    """Remove a configuration template. 409 where a version is given that is not the present one."""
    await office.templates.remove(template_id, version, request.auth.name)
