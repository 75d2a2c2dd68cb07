"""Write `src/evsys/ocpp/v16/messages.py` from the official JSON schemas (the dev dependency `ocpp` carries
them).

Members keep the order of the schema's properties, which is the order in which they are sent. `--check`
compares instead of writing and fails where the file is not up to date.
"""

import json
import sys
from pathlib import Path

import ocpp.v16

SCHEMAS = Path(ocpp.v16.__file__).parent / "schemas"
TARGET = Path(__file__).parent.parent / "src/evsys/ocpp/v16/messages.py"

FROM_STATION = {
    "Authorize", "BootNotification", "DiagnosticsStatusNotification", "FirmwareStatusNotification",
    "Heartbeat", "LogStatusNotification", "MeterValues", "SecurityEventNotification", "SignCertificate",
    "SignedFirmwareStatusNotification", "StartTransaction", "StatusNotification", "StopTransaction",
}  # fmt: skip
BOTH_WAYS = {"DataTransfer"}

TYPE_NAMES = {
    "idTagInfo": "IdTagInfo",
    "csChargingProfiles": "ChargingProfile",
    "chargingProfile": "ChargingProfile",
    "chargingSchedule": "ChargingSchedule",
    "chargingSchedulePeriod": "ChargingSchedulePeriod",
    "meterValue": "MeterValue",
    "transactionData": "MeterValue",
    "sampledValue": "SampledValue",
    "configurationKey": "ConfigurationKey",
    "localAuthorizationList": "LocalAuthorization",
    "certificateHashData": "CertificateHashData",
    "log": "LogParameters",
    "firmware": "Firmware",
}

MAY_BE_MISSING = {
    ("StartTransactionRequest", "idTag"),
    ("StartTransactionRequest", "meterStart"),
    ("StartTransactionRequest", "timestamp"),
    ("StopTransactionRequest", "meterStop"),
    ("StopTransactionRequest", "timestamp"),
    ("MeterValue", "timestamp"),
    ("MeterValue", "sampledValue"),
    ("StatusNotificationRequest", "errorCode"),
    ("SecurityEventNotificationRequest", "timestamp"),
    ("GetCompositeScheduleResponse", "connectorId"),
}
"""Members that the schema requires but a tolerant central system can do without: sessions are money, and a
station whose start or stop is refused keeps repeating it."""

HEADER = '''"""The messages of OCPP 1.6 edition 2 and the security extension: 39 actions, typed and validated.

Written by `tools/generate_messages.py` from the official JSON schemas; edit that instead. Members are
spelled as OCPP spells them and stand in the order of the schema, which is the order in which they are sent.
An optional member that is absent is UNSET; an explicit null is not valid and takes the slow road of
`ocpp.lenient`. A required member typed `| UnsetType` may come out UNSET of that road: the schema asks for it,
but the message has a meaning without.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal, NamedTuple

from msgspec import UNSET, Meta, Struct, UnsetType

DateTime = Annotated[datetime, Meta(tz=True)]
Integer = Annotated[int, Meta(ge=-(2**53), le=2**53)]
"""No schema bounds an integer; beyond this it is no JSON number that everybody reads alike."""


class Message(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """Base of all messages and their parts: trees without cycles, which the collector may skip."""

'''


class Writer:
    def __init__(self) -> None:
        self.classes: dict[str, str] = {}
        self.definitions: dict[str, dict] = {}

    def annotation(self, owner: str, name: str, schema: dict) -> str:
        if "$ref" in schema:
            schema = self.definitions[schema["$ref"].rpartition("/")[2]]
        kind = schema["type"]
        if "enum" in schema:
            return "Literal[" + ", ".join(json.dumps(value) for value in schema["enum"]) + "]"
        if kind == "string":
            if schema.get("format") == "date-time":
                return "DateTime"
            if "maxLength" in schema:
                return f"Annotated[str, Meta(max_length={schema['maxLength']})]"
            return "str"
        if kind == "integer":
            return "Integer"
        if kind == "boolean":
            return "bool"
        if kind == "number":
            return "Decimal"
        if kind == "array":
            item = self.annotation(owner, name, schema["items"])
            if schema.get("minItems"):
                return f"Annotated[list[{item}], Meta(min_length={schema['minItems']})]"
            return f"list[{item}]"
        if kind == "object":
            type_name = TYPE_NAMES[name]
            if name == "transactionData":
                assert type_name in self.classes or self.meter_value()
                return type_name
            self.add(type_name, schema, f"Part of {owner}." if type_name not in self.classes else "")
            return type_name
        raise AssertionError(kind)

    def meter_value(self) -> bool:
        schema = json.loads((SCHEMAS / "MeterValues.json").read_text())
        self.annotation("MeterValues", "meterValue", schema["properties"]["meterValue"]["items"])
        return True

    def add(self, class_name: str, schema: dict, doc: str) -> None:
        lines = []
        required = set(schema.get("required", ()))
        for name, member in schema.get("properties", {}).items():
            annotation = self.annotation(class_name, name, member)
            missing = " | UnsetType" if (class_name, name) in MAY_BE_MISSING else ""
            if name in required:
                lines.append(f"    {name}: {annotation}{missing}")
            else:
                lines.append(f"    {name}: {annotation} | UnsetType = UNSET")
        if class_name in self.classes:
            return
        body = "\n".join(lines)
        self.classes[class_name] = (
            f'class {class_name}(Message, frozen=True, kw_only=True):\n    """{doc}"""\n\n{body}'.rstrip()
            + "\n"
        )


def render() -> str:
    writer = Writer()
    actions = sorted(path.stem for path in SCHEMAS.glob("*.json") if not path.stem.endswith("Response"))
    rows = []
    for action in actions:
        for suffix, file in (("Request", action), ("Response", action + "Response")):
            schema = json.loads((SCHEMAS / f"{file}.json").read_text())
            writer.definitions = schema.get("definitions", {})
            writer.add(action + suffix, schema, f"{action}.{'req' if suffix == 'Request' else 'conf'}")
        sender = "both" if action in BOTH_WAYS else "station" if action in FROM_STATION else "csms"
        rows.append(f'    "{action}": Action({action}Request, {action}Response, "{sender}"),')
    table = (
        "class Action(NamedTuple):\n"
        '    """Both messages of an action, and who may send the request."""\n\n'
        "    request: type[Message]\n    response: type[Message]\n"
        '    sender: Literal["station", "csms", "both"]\n\n\n'
        "ACTIONS: dict[str, Action] = {\n" + "\n".join(rows) + "\n}\n"
    )
    return HEADER + "\n\n" + "\n\n".join(writer.classes.values()) + "\n\n" + table


def formatted() -> str:
    import subprocess

    ruff = [str(Path(sys.executable).parent / "ruff"), "format", "--stdin-filename", str(TARGET), "-"]
    return subprocess.run(ruff, input=render(), text=True, capture_output=True, check=True).stdout


def main() -> int:
    text = formatted()
    if "--check" in sys.argv:
        return 0 if TARGET.read_text() == text else 1
    TARGET.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
