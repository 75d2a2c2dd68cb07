"""Plug-ins: a file in a room is one thing of its kind (a notifier, a payment provider) and is found by its
name; nothing else needs to know of it but the configuration, which has its keys.

Such a file holds `Config`, its keys in the configuration, and the class that takes them.
"""

import inspect
import re
from importlib import import_module
from importlib.util import find_spec
from typing import Final, TypeVar

from msgspec import Struct

T = TypeVar("T")

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")


class Section(Struct, frozen=True, kw_only=True):
    """A group of keys of the configuration. Each has a default."""


class NoSuchPlugin(Exception):
    """There is no file of this name with one class of this kind."""


def plugged(room: str, name: str, kind: type[T]) -> type[T]:
    """The class of `kind` in the file `name` of a room, such as `evsys.notify`. Loads the file. Raises
    NoSuchPlugin."""
    module = f"{room}.{name}"
    if not _NAME.fullmatch(name) or find_spec(module) is None:
        raise NoSuchPlugin(f"there is no {module}")
    found = [
        each
        for each in vars(import_module(module)).values()
        if inspect.isclass(each)
        and issubclass(each, kind)
        and each.__module__ == module
        and not inspect.isabstract(each)
    ]
    if len(found) != 1:
        raise NoSuchPlugin(f"{module} has {len(found)} classes of the kind {kind.__name__}")
    return found[0]
