"""The settings of media, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from stoa.kit.settings import Days, Number, Positive, Seconds, WholeSeconds
from stoa.ports.choice import Behind

Endpoint = Annotated[str, Meta(pattern=r"^(https?://[!-~]+)?(?!\n)$")]


@dataclass(frozen=True, kw_only=True)
class Settings:
    store: Annotated[str, Behind("media", ("folder", "s3"))] = "folder"
    """Where files are kept: `folder` is the data directory's, `s3` a bucket; others come with packages
    (docs/extending.md). A shop whose processes are on several machines needs a bucket."""

    s3_bucket: str = ""
    """The bucket, which is there and private: what may be seen is handed out by the shop."""

    s3_region: str = "us-east-1"
    """Where the bucket is; servers of one's own mostly take any."""

    s3_endpoint: Endpoint = ""
    """Where S3 is spoken, if that is not Amazon: `http://127.0.0.1:9000`."""

    s3_access_key: str = ""
    """Who asks. Empty: as the machine's role allows."""

    s3_secret_key: str = ""
    """What proves it."""

    workers: Positive = 1
    """Pictures that a process of the shop makes at once, each in a process of its own: one leaves a core of two to
    those who buy."""

    worker_megabytes: Annotated[int, Meta(ge=256, le=65_536)] = 1_024
    """Address space of such a process: the largest picture that is taken needs half of it."""

    worker_cpu_seconds: WholeSeconds = 20
    """What it may compute: the largest picture takes a quarter."""

    worker_seconds: Seconds = 60.0
    """How long it may take on a machine that is busy; then it is ended, and the picture tried again."""

    uploads_per_hour: Number = 2_000
    """Of each who uploads for products; 0 is no limit. More come by import."""

    avatars_per_hour: Number = 20
    """Of each customer; 0 is no limit."""

    seller_files: Number = 20_000
    """That a seller may have; 0 is no limit. The shop's own are not counted against one."""

    seller_megabytes: Number = 20_000
    """The same in bytes, as they were uploaded: what is made of a file takes about half as much again."""

    user_files: Number = 10
    """Avatars that a customer may have at a time, the unused among them; 0 is no limit."""

    unused_days: Days = 30
    """How long a file that nobody names is kept: a draft is finished by then, or begun anew."""

    grace_days: Days = 2
    """How long the bytes of a file that has ended are still there, though nobody gets them: longer than a backup takes,
    which copies them after the databases."""

    link_seconds: WholeSeconds = 300
    """How long a link to a document is good: to be followed at once, and not to be kept."""
