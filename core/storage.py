"""Opening our own storage, by its URL and the storage's usual environment variables."""

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from core.config import Settings
from core.errors import ConfigError
from core.job_folder import JobFolder
from core.secrets import Sealer, redact

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig


def open_job_folder(settings: Settings, *, impatient: bool = False) -> JobFolder:
    """The job folders of the storage that the settings name.

    `impatient` is for the API, which answers within three seconds whatever happens.
    """
    return JobFolder(_open_store(settings.storage_url, impatient), Sealer(settings.secret_keys))


def _open_store(url: str, impatient: bool) -> ObjectStore:
    parts = urlsplit(url)
    # Plain http is spoken only where the operator's own endpoint setting asks for it (Azurite).
    client: ClientConfig = {"timeout": "60s", "connect_timeout": "5s", "allow_http": True}
    retry: RetryConfig = {"max_retries": 8}
    if impatient:
        client |= {"timeout": "2s", "connect_timeout": "1s"}
        retry = {"max_retries": 0}
    try:
        if parts.scheme == "file":
            path = Path(unquote(parts.path))
            path.mkdir(parents=True, exist_ok=True)
            return LocalStore(path)
        return from_url(url, client_options=client, retry_config=retry)
    except (BaseError, ValueError, OSError) as error:
        raise ConfigError(
            f"MEGABATCH_STORAGE_URL cannot be opened: {redact(str(error)).partition(chr(10))[0]}"
        ) from None
