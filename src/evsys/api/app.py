"""The application: all routes, and what holds for each of them."""

import asyncio
from importlib.metadata import version
from time import monotonic
from typing import Final

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from evsys.api import (
    alarms,
    campaigns,
    certificates,
    charging_profiles,
    chats,
    commands,
    configuration,
    configuration_templates,
    documents,
    events,
    files,
    health,
    jobs,
    keys,
    local_lists,
    locations,
    messages,
    page,
    problems,
    quirks,
    reservations,
    security,
    stations,
    status,
    subscriptions,
    tokens,
    transactions,
    users,
)
from evsys.api.compatible import post_command
from evsys.api.repeats import once_per_key
from evsys.api.serving import ABORT
from evsys.api.strict import WITHIN_S, StrictRequest
from evsys.core.errors import EvsysError
from evsys.metrics import OfficeMetrics
from evsys.office.access import FROM
from evsys.office.office import Office
from evsys.office.paths import ids_as_sent, whole_segments

MAX_BODY_BYTES: Final = 1024 * 1024
"""The largest body: a full local list for a station stays far below it."""
REQUEST_S: Final = 30.0
"""How long a request may take in all, the reading of its body included, unless its handler says otherwise."""
SEND_S: Final = 20.0
"""How long the reader of a stream may take to take what it is sent."""
HEADERS: Final = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)
"""Answers are for whoever asked alone, and none is a page but one, which has a policy of its own."""


def create_app(office: Office, metrics: OfficeMetrics, key_required: bool = False) -> Litestar:
    """The application. `key_required`: EVSYS' own endpoint, too, is closed to programs without a key."""
    v1 = Router(
        path=documents.PATH,
        route_handlers=[
            stations.list_stations,
            stations.get_station,
            stations.list_connectors,
            messages.list_messages,
            quirks.list_quirks,
            quirks.list_model_profiles,
            stations.create_station,
            stations.change_station,
            stations.remove_station,
            stations.admit_knock,
            stations.list_quarantine,
            stations.list_knocks,
            security.get_security,
            security.change_security,
            security.set_station_key,
            security.remove_station_keys,
            security.upgrade_station,
            security.list_upgrades,
            alarms.list_alarms,
            alarms.get_alarm,
            alarms.acknowledge_alarm,
            subscriptions.list_subscriptions,
            subscriptions.get_subscription,
            subscriptions.create_subscription,
            subscriptions.change_subscription,
            subscriptions.remove_subscription,
            subscriptions.get_health,
            subscriptions.test_subscription,
            subscriptions.replay,
            subscriptions.rotate_secret,
            subscriptions.list_deliveries,
            alarms.clear_alarm,
            alarms.list_alarm_rules,
            alarms.put_alarm_rule,
            chats.list_chats,
            chats.approve_chat,
            chats.refuse_chat,
            chats.list_invites,
            chats.create_invite,
            certificates.list_certificates,
            certificates.sign_certificate,
            certificates.revoke_certificate,
            certificates.get_authority,
            commands.send_command,
            commands.send_raw,
            commands.get_command,
            commands.list_commands,
            commands.cancel_command,
            commands.list_queue,
            transactions.list_transactions,
            transactions.get_transaction,
            transactions.list_meter_values,
            transactions.close_transaction,
            reservations.list_reservations,
            reservations.get_reservation,
            reservations.create_reservation,
            reservations.cancel_reservation,
            configuration.get_configuration,
            configuration.read_configuration,
            configuration_templates.list_templates,
            configuration_templates.get_template,
            configuration_templates.create_template,
            configuration_templates.change_template,
            configuration_templates.remove_template,
            charging_profiles.list_profiles,
            charging_profiles.get_profile,
            charging_profiles.list_assignments,
            charging_profiles.create_profile,
            charging_profiles.change_profile,
            charging_profiles.remove_profile,
            charging_profiles.get_station_profiles,
            charging_profiles.assign_profile,
            charging_profiles.unassign_profile,
            charging_profiles.sync_profiles,
            local_lists.get_local_list,
            local_lists.sync_local_list,
            tokens.list_tokens,
            tokens.get_token,
            tokens.create_token,
            tokens.change_token,
            tokens.remove_token,
            events.list_events,
            events.stream_events,
            locations.list_locations,
            locations.get_location,
            locations.create_location,
            locations.change_location,
            locations.remove_location,
            users.list_users,
            users.get_user,
            users.create_user,
            users.change_user,
            users.remove_user,
            users.make_sign_in_link,
            users.end_sessions,
            users.remove_authenticator,
            keys.list_keys,
            keys.create_key,
            keys.revoke_key,
            status.get_status,
            jobs.update_firmware,
            jobs.get_diagnostics,
            jobs.get_log,
            jobs.list_jobs,
            jobs.get_job,
            jobs.cancel_job,
            campaigns.create_campaign,
            campaigns.list_campaigns,
            campaigns.get_campaign,
            campaigns.pause_campaign,
            campaigns.resume_campaign,
            campaigns.cancel_campaign,
            files.add_file,
            files.list_files,
            files.get_file,
            files.get_file_content,
            files.remove_file,
            documents.openapi,
            page.page,
        ],
        middleware=[once_per_key(office)],
        security=documents.SECURITY,
    )

    def provide_office() -> Office:
        return office

    async def before_send(message: Message, scope: Scope) -> None:
        if message["type"] == "http.response.start":
            own = {name.lower() for name, _ in message["headers"]}
            added = [header for header in HEADERS if header[0] not in own]
            message["headers"] = [*message["headers"], *added]
            route = scope.get("path_template", "")
            metrics.requests.labels(scope.get("method", ""), route, message["status"]).inc()

    def watch(app: ASGIApp) -> ASGIApp:
        """Ends a request that takes too long, and notes how long each took."""

        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            ids_as_sent(scope)
            client = scope.get("client")
            FROM.set(client[0] if client else "")
            within_s: float | None = scope["route_handler"].opt.get(WITHIN_S, REQUEST_S)
            began, limit = monotonic(), asyncio.timeout(within_s)

            async def send_in_time(message: Message) -> None:
                try:
                    async with asyncio.timeout(SEND_S):
                        await send(message)
                except TimeoutError:
                    scope["state"][ABORT]()

            try:
                async with limit:
                    await app(scope, receive, send if within_s is not None else send_in_time)
            except TimeoutError:
                if limit.expired():
                    raise HTTPException("the request took too long", status_code=503) from None
                raise
            finally:
                metrics.request_seconds.labels(scope.get("path_template", "")).observe(monotonic() - began)

        return watched

    app = Litestar(
        route_handlers=[v1, post_command, health.live, health.ready],
        request_class=StrictRequest,
        request_max_body_size=MAX_BODY_BYTES,
        dependencies={"office": Provide(provide_office, sync_to_thread=False)},
        exception_handlers={
            HTTPException: problems.of_http,
            EvsysError: problems.of_evsys,
            Exception: problems.of_bug,
        },
        middleware=[watch],
        before_send=[before_send],
        openapi_config=documents.config(version("evsys")),
        plugins=[documents.RawJson(), documents.Decimals()],
        state=State({"office": office, "key_required": key_required}),
        logging_config=None,
    )
    app.asgi_handler = whole_segments(app.asgi_handler)
    return app
