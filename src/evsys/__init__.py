"""EVSYS: a central system for electric-vehicle charging over OCPP."""

import sys

# structlog loads rich, for tracebacks in colour that are not used here: a tenth of a second of every start.
sys.modules["rich"] = None  # type: ignore[assignment]
import structlog  # noqa: E402, F401

del sys.modules["rich"]
