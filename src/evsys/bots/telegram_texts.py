"""What the bot on Telegram says, in each language that it speaks; a test holds them to the same texts."""

from typing import Final

from evsys.core.records import Language

EN: Final = {
    "help": (
        "/status – the whole network in a few lines\n"
        "/stations [part of an id] – stations and their connectors\n"
        "/station ID – one station; operators reset and unlock it and stop its sessions there\n"
        "/sessions – what runs now\n"
        "/alarms – what somebody should look at\n"
        "/subscribe KIND … – hear of that too: alarms, sessions, stations, all, or kinds of events\n"
        "/unsubscribe [KIND …] – no longer\n"
        "/mute 2h – no messages for so long (m, h, d)\n"
        "/start [code] – ask to be let in, or come in with an invite\n"
        "/stop – no more messages, and no more answers"
    ),
    "asked": "Somebody has to let you in. Once that is done, write /help.",
    "welcome": "You are in. /help says what I understand.",
    "bad_code": "That code is not good, or not any more.",
    "full": "Too many wait to be let in already. Try again later, or ask for an invite.",
    "bye": "You are out. /start asks to be let in again.",
    "status": "{connected} of {stations} stations connected, {sessions} sessions, {alarms} open alarms.",
    "no_stations": "No station fits.",
    "no_sessions": "Nothing runs now.",
    "no_alarms": "No alarm is open.",
    "more": "… and more.",
    "connected": "connected",
    "offline": "OFFLINE",
    "since": "since {time}",
    "which": "Which one? Write /station and its id.",
    "no_station": "There is no station {station}.",
    "seen": "Acknowledged by {who}.",
    "may_not": "You may not do that.",
    "confirm": "{what} Tap again within a minute to do it.",
    "reset": "Reset {station}?",
    "unlock": "Unlock connector {evse} of {station}?",
    "stop": "Stop the session at {place}?",
    "reset_label": "Reset",
    "unlock_label": "Unlock {evse}",
    "stop_label": "Stop the session at {evse}",
    "seen_label": "Acknowledge",
    "yes": "Yes, do it",
    "sent": "Asking {station} …",
    "accepted": "{station}: {status}",
    "failed": "It was not done: {reason}",
    "gone": "That is over.",
    "expired": "That took too long: begin again.",
    "hears": "You hear of: {kinds}.",
    "hears_nothing": "You get no messages. /subscribe alarms changes that.",
    "muted": "No messages until {time}.",
    "how_long": "How long? For example /mute 2h.",
    "busy": "Slowly: I answer a few messages in a minute.",
    "unknown": "I do not understand that. /help says what I do.",
    "trouble": "I cannot look now. Try again in a moment.",
}
ES: Final = {
    "help": (
        "/status – toda la red en pocas líneas\n"
        "/stations [parte de un id] – estaciones y sus conectores\n"
        "/station ID – una estación; los operadores la reinician, la desbloquean y paran sus sesiones\n"
        "/sessions – lo que está en marcha\n"
        "/alarms – lo que alguien debería mirar\n"
        "/subscribe TIPO … – oír también de eso: alarms, sessions, stations, all, o tipos de sucesos\n"
        "/unsubscribe [TIPO …] – ya no\n"
        "/mute 2h – sin mensajes durante ese tiempo (m, h, d)\n"
        "/start [código] – pedir acceso, o entrar con una invitación\n"
        "/stop – ni más mensajes ni más respuestas"
    ),
    "asked": "Alguien tiene que darle acceso. Cuando lo tenga, escriba /help.",
    "welcome": "Ya tiene acceso. /help dice lo que entiendo.",
    "bad_code": "Ese código no vale, o ya no.",
    "full": "Ya esperan demasiados. Inténtelo más tarde o pida una invitación.",
    "bye": "Ya no tiene acceso. /start lo pide de nuevo.",
    "status": "{connected} de {stations} estaciones conectadas, {sessions} sesiones, {alarms} alarmas.",
    "no_stations": "No hay ninguna estación así.",
    "no_sessions": "No hay nada en marcha.",
    "no_alarms": "No hay alarmas abiertas.",
    "more": "… y más.",
    "connected": "conectada",
    "offline": "SIN CONEXIÓN",
    "since": "desde {time}",
    "which": "¿Cuál? Escriba /station y su id.",
    "no_station": "No existe la estación {station}.",
    "seen": "Reconocida por {who}.",
    "may_not": "No tiene permiso para eso.",
    "confirm": "{what} Pulse otra vez antes de un minuto para hacerlo.",
    "reset": "¿Reiniciar {station}?",
    "unlock": "¿Desbloquear el conector {evse} de {station}?",
    "stop": "¿Parar la sesión en {place}?",
    "reset_label": "Reiniciar",
    "unlock_label": "Desbloquear {evse}",
    "stop_label": "Parar la sesión en {evse}",
    "seen_label": "Reconocer",
    "yes": "Sí, hacerlo",
    "sent": "Preguntando a {station} …",
    "accepted": "{station}: {status}",
    "failed": "No se ha hecho: {reason}",
    "gone": "Eso ya ha terminado.",
    "expired": "Ha tardado demasiado: empiece de nuevo.",
    "hears": "Recibe: {kinds}.",
    "hears_nothing": "No recibe mensajes. /subscribe alarms lo cambia.",
    "muted": "Sin mensajes hasta {time}.",
    "how_long": "¿Cuánto tiempo? Por ejemplo /mute 2h.",
    "busy": "Despacio: respondo a pocos mensajes por minuto.",
    "unknown": "No lo entiendo. /help dice lo que hago.",
    "trouble": "Ahora no puedo mirar. Inténtelo en un momento.",
}
_OF: Final[dict[Language, dict[str, str]]] = {"en": EN, "es": ES}


def said(language: Language, name: str, **values: object) -> str:
    """A text in a language, with values put in."""
    return _OF[language][name].format(**values)


def language_of(code: str | None) -> Language:
    """The language of somebody whose Telegram speaks this one (IETF tag)."""
    return "es" if (code or "").lower().startswith("es") else "en"
