"""OCPP 1.6 edition 2 over JSON, adapted up to the core's words: one file per functional block, one function
per action."""

from evsys.ocpp.v16 import (
    authorization,
    availability,
    data_transfer,
    firmware,
    meter_values,
    metering,
    provisioning,
    raw,
    remote_control,
    reservation,
    security,
    smart_charging,
    transactions,
)
from evsys.ocpp.v16.dialect import V16

__all__ = [
    "V16",
    "authorization",
    "availability",
    "data_transfer",
    "firmware",
    "meter_values",
    "metering",
    "provisioning",
    "raw",
    "remote_control",
    "reservation",
    "security",
    "smart_charging",
    "transactions",
]
