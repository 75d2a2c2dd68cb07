"""Jobs: how a file on its way is moved by what happens (OCPP 1.6 §4.4, §4.5, §5.9, §5.19 and the security
extension; 2.x chapters L and N).

A job waits until its station is there and free, is requested of it, and is then moved by what the station
tells and by what really passes through our hands: an upload is done when the file has arrived, whatever was
said, and a firmware image is installed when the station says so and, where its version is known, boots with
it. Each state has a time; what lasts longer has failed. A failed attempt is repeated where retries are left.

Every function takes the job as it is and returns it as it is to be, or None where nothing changes.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from evsys.core.records import Campaign, Job, JobState

UNDER_WAY: Final[tuple[JobState, ...]] = ("requested", "transferring", "installing")
ENDED: Final[tuple[JobState, ...]] = ("done", "failed", "cancelled")

PHASE_S: Final[Mapping[JobState, int]] = {"requested": 900, "transferring": 3600, "installing": 3600}
"""How long a state may last: a station may finish a session before it begins, images are large and mobile
links slow, and an installation can take several restarts."""
ARRIVAL_S: Final = 60
"""How long a file may take that the station says it has uploaded."""
LAST_BOOT_S: Final = 60
"""How long a station that booted with another version and then says Installed may take for one more boot."""
RETRY_S: Final = 60
"""Between a failed attempt and the next."""
EXPIRES_S: Final = 7 * 86_400
"""How long a job waits for its station, unless it says otherwise."""
INSTALLED: Final = "Installed"

_FIRMWARE: Final[Mapping[str, JobState]] = {
    "DownloadScheduled": "requested",
    "Downloading": "transferring",
    "DownloadPaused": "transferring",
    "Downloaded": "installing",
    "SignatureVerified": "installing",
    "InstallScheduled": "installing",
    "Installing": "installing",
    "InstallRebooting": "installing",
    INSTALLED: "done",
    "DownloadFailed": "failed",
    "InstallationFailed": "failed",
    "InstallVerificationFailed": "failed",
    "InvalidSignature": "failed",
    "RevokedCertificate": "failed",
    "InvalidCertificate": "failed",
    "AcceptedCanceled": "failed",
}
_UPLOAD: Final[Mapping[str, JobState]] = {
    "Uploading": "transferring",
    "Uploaded": "done",
    "UploadFailed": "failed",
    "UploadFailure": "failed",
    "BadMessage": "failed",
    "NotSupportedOperation": "failed",
    "PermissionDenied": "failed",
    "AcceptedCanceled": "failed",
}
_ORDER: Final[Mapping[JobState, int]] = {"requested": 0, "transferring": 1, "installing": 2}


def request(job: Job, now: datetime, seq: int, request_id: int) -> Job:
    """A new attempt begins; events up to `seq` are older than it."""
    begun = replace(
        job,
        state="requested",
        attempts=job.attempts + 1,
        request_id=request_id,
        status="",
        reason="",
        heard_seq=seq,
    )
    begins_at = max(now, job.begin_at) if job.begin_at else now
    return _changed(replace(begun, deadline_at=begins_at + _phase(begun)))


def took(job: Job, status: str, now: datetime) -> Job | None:
    """Of `status` the station says by its notifications how far it has come."""
    if job.state not in UNDER_WAY or not status:
        return None
    state = (_FIRMWARE if job.kind == "firmware" else _UPLOAD).get(status)
    heard = replace(job, status=status)
    match state:
        case None:  # Idle, or a word of its own: it is noted, and says nothing
            return _changed(heard) if status != job.status else None
        case "failed":
            return fail(heard, f"the station says {status}", now)
        case "done" if job.kind != "firmware":
            return _changed(_soon(heard, ARRIVAL_S, now))
        case "done" if not job.firmware_version:
            return _end(heard, "done", now)
        case "done":
            return _move(_soon(heard, LAST_BOOT_S, now) if heard.reason else heard, "installing", now)
        case _:
            return _move(heard, state, now)


def booted(job: Job, firmware_version: str, now: datetime) -> Job | None:
    """The station has booted. It matters where it is known which version it must boot with."""
    if job.kind != "firmware" or job.state != "installing" or not job.firmware_version:
        return None
    if firmware_version == job.firmware_version:
        return _end(replace(job, reason=""), "done", now)
    reason = f"it booted with {firmware_version or 'no version'}, not {job.firmware_version}"
    if job.status != INSTALLED:  # perhaps a restart on the way
        return _changed(replace(job, reason=reason)) if reason != job.reason else None
    return fail(job, reason, now)


def began(job: Job, now: datetime) -> Job | None:
    """The station has begun to fetch or to deliver the file."""
    return _move(job, "transferring", now) if job.state == "requested" else None


def fetched(job: Job, now: datetime) -> Job | None:
    """The station has fetched the whole image."""
    moves = job.kind == "firmware" and job.state in ("requested", "transferring")
    return _move(job, "installing", now) if moves else None


def arrived(job: Job, file_id: str, now: datetime) -> Job:
    """The station's file is here."""
    return _end(replace(job, file_id=file_id), "done", now)


def fail(job: Job, reason: str, now: datetime) -> Job:
    """The attempt has failed: it is repeated after a while, where retries are left."""
    told = replace(job, reason=reason)
    if job.attempts > job.retries:
        return _end(told, "failed", now)
    return put_off(told, now + timedelta(seconds=RETRY_S))


def put_off(job: Job, until: datetime) -> Job:
    """It waits again."""
    return _changed(replace(job, state="waiting", next_at=until, deadline_at=None))


def never_asked(job: Job, now: datetime) -> Job:
    """The station was gone when it was to be asked: the attempt counts for nothing."""
    return put_off(replace(job, attempts=job.attempts - 1), now + timedelta(seconds=RETRY_S))


def refused(job: Job, reason: str, now: datetime) -> Job:
    """The station will not do it, and would not the next time."""
    return _end(replace(job, reason=reason), "failed", now)


def cancel(job: Job, now: datetime) -> Job | None:
    """Nobody wants it any more. What the station has begun it may finish: it cannot be told to stop."""
    return None if job.state in ENDED else _end(job, "cancelled", now)


def time_out(job: Job, now: datetime) -> Job | None:
    """What has lasted too long has failed."""
    if job.state == "waiting" and job.expires_at <= now:
        return _end(replace(job, reason=job.reason or "the station was not there in time"), "failed", now)
    if job.state not in UNDER_WAY or job.deadline_at is None or job.deadline_at > now:
        return None
    return fail(job, _lateness(job), now)


def _lateness(job: Job) -> str:
    match job.state, job.status:
        case "installing", _ if job.reason:
            return job.reason
        case "installing", status if status == INSTALLED:
            return f"installed, but it did not boot with {job.firmware_version} in time"
        case "installing", _:
            return "it was not installed in time"
        case _, "Uploaded":
            return "the station says Uploaded, but no file has arrived"
        case "transferring", _:
            return "the transfer was not finished in time"
        case _:
            return "the station did not begin in time"


def judge(campaign: Campaign, counts: Mapping[JobState, int], now: datetime) -> Campaign | None:
    """What becomes of a campaign by what became of its jobs: it is done when all have ended, and stops itself
    at the failure that is one too many."""
    if campaign.finished_at is not None:
        return None
    if not any(counts.get(state) for state in ("waiting", *UNDER_WAY)):
        return replace(campaign, state="done", finished_at=now, version=campaign.version + 1)
    failures = counts.get("failed", 0) - campaign.forgiven
    most = campaign.stop_after_failures
    if campaign.state == "running" and most is not None and failures >= most:
        reason = "one job failed" if failures == 1 else f"{failures} jobs failed"
        return replace(campaign, state="stopped", reason=reason, version=campaign.version + 1)
    return None


def _move(job: Job, state: JobState, now: datetime) -> Job | None:
    """On to a later state, whose time begins; a station that repeats itself gains none, and one that goes
    back to an earlier state is believed without it."""
    if _ORDER[state] > _ORDER[job.state]:
        moved = replace(job, state=state)
        return _changed(replace(moved, deadline_at=now + _phase(moved)))
    return _changed(job)


def _soon(job: Job, within_s: int, now: datetime) -> Job:
    """With so little time left."""
    soon = now + timedelta(seconds=within_s)
    return replace(job, deadline_at=min(job.deadline_at or soon, soon))


def _phase(job: Job) -> timedelta:
    return timedelta(seconds=job.phase_s or PHASE_S[job.state])


def _end(job: Job, state: JobState, now: datetime) -> Job:
    return _changed(replace(job, state=state, finished_at=now, deadline_at=None))


def _changed(job: Job) -> Job:
    return replace(job, version=job.version + 1)
