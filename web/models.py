"""The shapes of requests and answers, as OpenAPI tells them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from db.listing import Sort

__all__ = ["Sort"]

State = Literal["queued", "running", "judged", "no_face", "unreadable", "failed", "quarantined", "cancelled"]
Verdict = Literal["fake", "real", "uncertain"]
Label = Literal["real", "fake"]
Preset = Literal["fast", "standard", "thorough"]
Aggregate = Literal["mean", "top-k", "confident", "max-track"]
Priority = Literal["interactive", "bulk"]
Retryable = Literal["failed", "quarantined", "unreadable", "cancelled"]

# What PostgreSQL can store, and no more than an identifier may have.
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]


class Request(BaseModel):
    """A body in which nothing unknown may stand."""

    model_config = ConfigDict(extra="forbid")


class JudgingOptions(Request):
    """How to judge, as the options of `fakesweep submit` say."""

    preset: Preset = "standard"
    frames: int | None = Field(default=None, ge=1, le=100_000, description="Frames per video, not the preset's.")
    max_frames: int = Field(default=256, ge=1, le=100_000)
    aggregate: Aggregate = "mean"
    priority: Priority = "interactive"
    force: bool = Field(default=False, description="Judge again what was judged before.")


class NewBatch(JudgingOptions):
    """Files and directories of the server, below its roots."""

    paths: list[Annotated[Text, Field(min_length=1, max_length=4096)]] = Field(min_length=1, max_length=1000)
    name: Annotated[Text, Field(min_length=1, max_length=200)] | None = None


class Counts(BaseModel):
    """Entries by state."""

    queued: int
    running: int
    judged: int
    no_face: int
    unreadable: int
    failed: int
    quarantined: int
    cancelled: int


class Verdicts(BaseModel):
    """Judged entries by verdict."""

    fake: int
    real: int
    uncertain: int


class Batch(BaseModel):
    """A submission with its counts."""

    id: int
    name: str
    created_at: str
    priority: str
    counts: Counts
    submitted: int
    ignored: int
    verdicts: Verdicts
    finished: int
    is_submitted: bool
    is_cancelled: bool
    is_finished: bool


class BatchList(BaseModel):
    """A page of batches, the newest first."""

    batches: list[Batch]
    next_cursor: str | None


class BatchStarted(BaseModel):
    """A batch that was begun; while `is_submitted` is false, its files are still being read."""

    batch: Batch


class Cancelled(BaseModel):
    """What a cancellation came to."""

    ended: int = Field(description="Scans that waited.")
    stopping: int = Field(description="Scans that ran and were told to stop.")
    kept: int = Field(description="Scans that another batch wants too.")


class Retry(Request):
    """Which scans to queue again."""

    states: list[Retryable] = Field(default=["failed"], min_length=1, max_length=4)


class Retried(BaseModel):
    """What a retry came to."""

    requeued: int
    without_content: int


class BatchName(BaseModel):
    """Number and name of a batch."""

    id: int
    name: str


class ListedVideo(BaseModel):
    """A file of a submission, as lists show it."""

    id: int | None = Field(description="Of its content; null where it could not be read.")
    entry_id: int
    batch: BatchName
    path: str
    path_b64: str | None = None
    sha256: str | None
    state: State
    reason: str | None
    warnings: list[str]
    score: float | None
    verdict: Verdict | None
    label: Label | None
    reused: bool
    stage: str | None
    progress: float | None
    size_bytes: int | None
    duration_s: float | None
    width_px: int | None
    height_px: int | None
    codec: str | None
    faces: int | None
    finished_at: str | None


class VideoList(BaseModel):
    """A page of videos."""

    videos: list[ListedVideo]
    next_cursor: str | None = Field(description="Give it as `cursor` for the next page; null on the last.")


class Video(BaseModel):
    """All that is known of a video: what the JSON report says of it, and more."""

    model_config = ConfigDict(extra="allow")

    id: int
    path: str
    sha256: str
    state: State
    score: float | None
    verdict: Verdict | None
    frames: list[dict[str, Any]]
    tracks: list[dict[str, Any]]
    reviews: list[dict[str, Any]]


class EvidenceFace(BaseModel):
    """A face that was kept when a video was judged, with the addresses of its pictures."""

    t_s: float
    box_px: list[float]
    track: int
    score: float
    width_px: int
    height_px: int
    face: str = Field(description="The square that the classifier saw, as JPEG.")
    frame: str = Field(description="The whole frame, made smaller, as JPEG.")
    heat: str | None = Field(description="The heat map, as a PNG to be laid over the face.")


class Evidence(BaseModel):
    """The faces that scored highest, the highest first; none where they were not kept."""

    faces: list[EvidenceFace]
    problem: str | None = Field(description="What is wrong with the file that should hold them; null where nothing is.")


class NewReview(Request):
    """What a person says of a video."""

    label: Label
    note: Annotated[Text, Field(max_length=4000)] | None = None


class Review(BaseModel):
    """A person's label."""

    id: int
    label: Label
    note: str | None
    reviewer: str | None
    created_at: str


class ReviewList(BaseModel):
    """The labels of a video, the latest first."""

    reviews: list[Review]


class NewUpload(JudgingOptions):
    """A file that is about to be sent."""

    name: Annotated[Text, Field(min_length=1, max_length=1000)] = Field(description="As it is called on your side.")
    size_bytes: int = Field(ge=1, le=2**50)


class Upload(BaseModel):
    """A file that is being sent."""

    id: str
    name: str = Field(description="Without what has no place in a name of ours.")
    size_bytes: int
    offset: int = Field(description="Bytes that have come; send the next ones from here.")
    chunk_limit_bytes: int
    expires_at: str
    batch_id: int | None = Field(description="The batch that it became, once it is complete.")


class Classifier(BaseModel):
    """A registered classifier."""

    id: int
    name: str
    version: str
    sha256: str
    is_active: bool
    created_at: str
    activated_at: str | None


class ClassifierList(BaseModel):
    """The registered classifiers, the oldest first."""

    classifiers: list[Classifier]


class ClassifierDetails(Classifier):
    """A classifier with its card and what its manifest says."""

    card: str | None = Field(description="Markdown; null where its files are not here.")
    metrics: dict[str, Any]
    thresholds: dict[str, Any]


class Activation(Request):
    """Why a classifier is activated."""

    reason: Annotated[Text, Field(max_length=4000)] | None = None


class Worker(BaseModel):
    """A worker seen of late."""

    name: str
    host: str
    pid: int
    queues: str
    concurrency: int
    up_s: float
    seen_s_ago: float
    running: list[dict[str, Any]]


class WorkerList(BaseModel):
    """The workers that live."""

    workers: list[Worker]


class Setting(BaseModel):
    """A setting as it is in force, without secrets."""

    name: str
    value: str
    default: str
    meaning: str


class SettingList(BaseModel):
    """Every setting."""

    settings: list[Setting]


class Face(BaseModel):
    """A face in a picture."""

    box_px: list[float]
    detection: float
    score: float


class Picture(BaseModel):
    """What was found in a picture."""

    model_config = ConfigDict(extra="allow")

    state: Literal["judged", "no_face", "unreadable", "failed"]
    reason: str | None
    detail: str | None
    score: float | None
    verdict: Verdict | None
    width_px: int | None
    height_px: int | None
    faces: list[Face]
    seconds: dict[str, float] | None
    heat_map: str | None = Field(default=None, description="A PNG as a data URL: the picture with boxes and heat maps.")


class PictureJudged(BaseModel):
    """A picture with its judge."""

    image: Picture
    classifier: dict[str, Any]
    thresholds: dict[str, Any]
    seconds: float = Field(description="Wall seconds from the request to the answer.")
    picture: str | None = Field(default=None, description="The generated picture as a data URL.")


class Prompt(Request):
    """What an image API shall draw."""

    prompt: Annotated[Text, Field(min_length=1, max_length=2000)] = "a studio portrait photograph of a person"
    size: str = Field(default="1024x1024", pattern=r"^\d{2,4}x\d{2,4}$")


class LivePicture(BaseModel):
    """What was seen in one picture of a live source."""

    t_s: float = Field(description="Since the source began.")
    faces: int
    score: float | None = Field(description="Of the highest face; null without one.")
    mean: float | None = Field(description="Of the latest pictures with a face.")
    verdict: Verdict | None = Field(description="Of the mean.")
    per_s: float = Field(description="Pictures judged in a second of late.")
    dropped: int = Field(description="Pictures that were missed so far, so as not to lag behind.")
    look: Verdict | None = Field(description="What the thresholds make of `score`.")


class LiveSource(BaseModel):
    """A camera or stream that the server was started with."""

    id: int
    name: str
    state: Literal["off", "starting", "running", "ended"]
    detail: str | None = Field(description="Why it ended.")
    viewers: int
    now: LivePicture | None
    recent: list[LivePicture] = Field(description="The latest pictures, the newest last.")


class LiveSourceList(BaseModel):
    """The live sources, without what was seen of late."""

    sources: list[LiveSource]
