"""API keys: random, kept as digests alone, compared in constant time."""

from pathlib import Path

import pytest

from evsys.core.errors import NotFound
from evsys.core.records import ApiKey, ApiKeySecret
from evsys.office.access import Person
from evsys.office.keys import digest, new_key
from evsys.store.views import keys
from kit.clock import NOON
from kit.office import RunningOffice


async def test_a_key_stands_for_its_holder(office: RunningOffice) -> None:
    secret = await office.office.keys.create("billing", "viewer", by="ann")
    (key,) = await office.reader.read(keys.keys)
    assert await office.office.keys.who(secret) == Person(name="key:billing", role="viewer", key_id=key.id)
    for wrong in ("", secret[:-1], secret + "x", secret.lower(), digest(secret), "x" * 10_000, "ü"):
        assert await office.office.keys.who(wrong) is None


async def test_nothing_that_is_stored_holds_the_secret(office: RunningOffice) -> None:
    secret = await office.office.keys.create("billing", "viewer", by="ann")
    await office.store.commit(new_key("other", "admin", NOON, "ann")[1])
    office.store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    for file in Path(office.path).parent.iterdir():
        if file.is_file():
            assert secret.encode() not in file.read_bytes()


def test_keys_are_long_random_and_different() -> None:
    secrets = {new_key("n", "viewer", NOON, "ann")[0] for _ in range(100)}
    assert len(secrets) == 100
    assert all(len(secret) == 43 for secret in secrets), "256 bits in base64"


def test_the_work_of_a_key_is_a_key_a_digest_and_an_event() -> None:
    secret, work = new_key("n", "viewer", NOON, "ann")
    (_, key), (_, kept) = work.ops
    assert isinstance(key, ApiKey)
    assert kept == ApiKeySecret(key_id=key.id, digest=digest(secret))
    assert len(work.events) == 1


async def test_revoking_is_done_once_and_said_where_there_is_nothing(office: RunningOffice) -> None:
    await office.office.keys.create("billing", "viewer", by="ann")
    (key,) = await office.reader.read(keys.keys)
    await office.office.keys.revoke(key.id, by="ann")
    (revoked,) = await office.reader.read(keys.keys)
    assert revoked.revoked_at == NOON
    office.clock.step(60)
    await office.office.keys.revoke(key.id, by="bob")
    assert await office.reader.read(keys.keys) == [revoked]
    with pytest.raises(NotFound):
        await office.office.keys.revoke("nothing", by="ann")
