"""What a look ahead at a job is answered with."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from api.job_report import JobReport


class _Part(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class ReadResource(_Part):
    """An image that was read."""

    name: str
    format: str = Field(description="By its content: jpeg, png, gif, tiff, bmp or webp.")
    bytes: int


class WarningResource(_Part):
    """What you should know before you submit."""

    code: str
    detail: str


class ReportResource(_Part):
    """What the job would find, if it were submitted now. `null` is what is not known."""

    model: str
    can_list: bool | None = Field(description="null also where the images are a list of yours.")
    can_read: bool | None = Field(description="Whether one image could be read.")
    read: ReadResource | None
    names: list[str] = Field(description="The first five, as the results would have them.")
    images: int | None = Field(
        description="So many at least: one page is listed, 5000 images at most."
    )
    images_known: bool = Field(description="Whether these are all.")
    skipped: dict[str, int] = Field(description="Files that are no images, by suffix.")
    sas_expires_at: datetime | None
    waiting_for_workers: bool = Field(description="No live worker serves the model.")
    seconds: int | None = Field(
        description="How long these images take the workers that live now, by the measured speed "
        "of the model and if they do nothing else."
    )
    results_bytes: int | None = Field(description="About how large their results file gets.")
    warnings: list[WarningResource]


def report_resource(report: JobReport) -> dict[str, object]:
    """The report, as JSON values."""
    return ReportResource.model_validate(report).model_dump(mode="json")
