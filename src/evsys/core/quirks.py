"""Quirks: the ways in which stations leave the standard that are understood all the same.

Each kind has a name, which the code that repairs it notes, and a sentence for people. Only kinds named here
are counted, so that no station can make up more of them.
"""

from typing import Final

FORM: Final[dict[str, str]] = {
    "frame": "Bytes beside the JSON of a message: a byte order mark, a NUL or white space, passed over.",
    "message_type_as_text": "The message type is not the plain number 2 to 6, and was read as it.",
    "missing_payload": "A message without a payload, read as one with an empty payload.",
    "surplus_elements": "A message with more elements than it has, passed over.",
    "broken_json": "A message that is no JSON, mended because the station's model is known for it.",
    "null_payload": "The payload is null, read as an empty one.",
    "null_member": "A member is null, read as absent.",
    "unknown_member": "A member that the standard does not have, passed over.",
    "missing_member": "A required member is missing; what the message says was understood without.",
    "too_long": "A text is longer than the standard allows, and was taken whole.",
    "object_as_text": "An object stands where a text belongs, and was kept as JSON.",
    "number_as_string": "A number stands where a text belongs.",
    "string_as_number": "A text stands where a number belongs.",
    "text_as_boolean": "Something else stands where true or false belongs.",
    "fraction_rounded": "A number has more digits than the standard allows, and was rounded.",
    "enum_spelling": "A word is spelt in another way than the standard has it.",
    "unknown_enum": "A word that the standard does not have, kept as it was sent.",
    "object_for_list": "An object stands where a list belongs, read as a list of one.",
    "empty_list": "A list that must not be empty is empty.",
    "item_dropped": "An item of a list cannot be read and was left out.",
    "timestamp_unreadable": "A time cannot be read; the time of receipt was used.",
    "timestamp_without_zone": "A time has no zone.",
    "timestamp_form": "A time is not written as RFC 3339 has it.",
}
"""How messages are written, which strict conformance refuses."""

MEANING: Final[dict[str, str]] = {
    "implausible_time": "A time years ago or more than a day ahead; the time of receipt counts.",
    "repeated_start": "A start that came before, answered with its session.",
    "repeated_stop": "A stop that came before, acknowledged once more.",
    "unnamed_transaction": "A transaction number 0 or below; the session was found otherwise.",
    "own_transaction_number": "The station uses a number of its own for a session.",
    "unknown_transaction": "A message of a session that nobody knows, acknowledged and put in quarantine.",
    "values_after_stop": "Meter values of a session that has ended.",
    "unnamed_connector": "A start that names no connector.",
    "cut_token": "The token of a remote start came back cut, or longer than it was sent.",
    "no_token": "A start without an id token.",
    "negative_meter": "A register below 0, or a stop below its start.",
    "register_restart": "A register that began anew within a session.",
    "boot_in_session": "A boot while sessions run; none of them was ended by it.",
}
"""What messages of the right form say: nothing in a schema is against it."""

LINK: Final[dict[str, str]] = {
    "unreadable_call": "A message that cannot be read, refused by the id that was found in it.",
    "ignored_frame": "A message that is none, dropped: empty, without an id, or of an unknown type.",
    "answer_to_nothing": "An answer to no question of ours, dropped.",
    "late_answer": "An answer that came after its time.",
    "broken_answer": "An answer that cannot be read: the command that waited for it failed.",
    "no_subprotocol": "A connection that offers no version of OCPP; one was assumed.",
    "odd_path": "A path with more slashes or segments than an address has.",
    "identity_case": "The station's name in other letter case.",
    "two_sockets": "A new connection while the one before was open; the newest counts.",
    "refused_call": "A message that was refused: what it says cannot be understood, or must not be said.",
}
"""What happens on a link beside messages that mean something."""

KINDS: Final[dict[str, str]] = {**FORM, **MEANING, **LINK}
"""Kinds by name, each with what it means."""
