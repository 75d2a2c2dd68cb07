"""Valid frames of a station, and the same with a few faults in them."""

import json
import random
from copy import deepcopy
from pathlib import Path

from evsys.ocpp.v16 import V16

VECTORS = Path(__file__).parent.parent / "vectors" / "valid_16.json"
FRAMES = [
    json.loads(each["frame"])
    for each in json.loads(VECTORS.read_text())
    if each["kind"] == "request" and each["action"] in V16.handlers
]
FRAMES.append([2, "1", "DiagnosticsStatusNotification", {"status": "Uploaded"}])  # the records have none
ODD = (
    None, True, 0, -1, 2**31, 2**63, 2**200, 1e308, 0.5, "", "x" * 30, "x" * 5000, "\ud800", "\x00", "NaN",
    "1e999", "2026-03-01T10:15:30", "0001-01-01T00:00:00+14:00", [], {}, [[]], [None], {"a": {"b": []}},
)  # fmt: skip


def places(node: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """The path of everything in a document."""
    found = [path]
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        found += places(child, (*path, key))
    return found


def mutated(frame: list[object], chance: random.Random) -> str:
    """A frame with one to three faults."""
    frame = deepcopy(frame)
    doubled = ""
    for _ in range(chance.randint(1, 3)):
        everywhere = places(frame)[1:] or [(0,)]
        payload = [each for each in everywhere if each[0] == 3]
        path = chance.choice(payload if payload and chance.random() < 0.8 else everywhere)
        parent: object = frame
        try:
            for key in path[:-1]:
                parent = parent[key]  # type: ignore[index]
            last = path[-1]
            match chance.choice(("drop", "change", "lengthen", "nest", "double", "add")):
                case "drop":
                    del parent[last]  # type: ignore[attr-defined]
                case "change":
                    parent[last] = deepcopy(chance.choice(ODD))  # type: ignore[index]
                case "lengthen":
                    value = parent[last]  # type: ignore[index]
                    parent[last] = value * 50 if isinstance(value, str | list) else [value] * 50  # type: ignore[index]
                case "nest":
                    for _ in range(chance.choice((1, 3, 80))):
                        parent[last] = [parent[last]]  # type: ignore[index]
                case "double":
                    doubled = json.dumps(str(last)) + ":" + json.dumps(chance.choice(ODD)) + ","
                case "add":
                    parent["vendorExtra"] = deepcopy(chance.choice(ODD))  # type: ignore[index]
        except (TypeError, IndexError, KeyError):
            continue
    text = json.dumps(frame)
    if doubled and "{" in text:
        head, _, tail = text.partition("{")
        text = head + "{" + (doubled if tail[:1] != "}" else doubled[:-1]) + tail
    return text
