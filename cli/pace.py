"""How fast a job goes and how long it takes yet, as the service tells it, in words."""

from core.jobs import Job

# Up to so many of a unit are told in it; then the next larger one is clearer.
_MOST_SECONDS, _MOST_MINUTES, _MOST_HOURS = 90, 90, 48


def pace(job: Job) -> str:
    """Such as `12.5 images/s, 3 min left`; empty while nothing can be said."""
    if not job.images_per_second:
        return ""
    rate = job.images_per_second
    speed = f"{rate:.1f} images/s" if rate >= 1 else f"{rate:.2g} images/s"
    return f"{speed}, {duration(job.seconds_left)} left" if job.seconds_left else speed


def duration(seconds: float) -> str:
    """Such as `40 s`, `12 min`, `3 h 20 min` or `5 days`."""
    if seconds < _MOST_SECONDS:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < _MOST_MINUTES:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if hours < _MOST_HOURS else f"{round(hours / 24)} days"
