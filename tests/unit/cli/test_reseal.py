"""`megabatch reseal` on a real storage."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli import exit_codes
from cli.main import run
from core.config import Settings
from core.job_folder import open_job_folder
from core.resealing import Outcome, Resealing
from core.salt import open_salt
from core.sealing import Sealer, new_secret_key
from core.storage import open_storage
from tests.factories import accepted_job

Capture = pytest.CaptureFixture[str]
OLD, NEW = new_secret_key(), new_secret_key()
SAS = "https://x.blob.core.windows.net/c?sv=2025&sig=CANARY"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    settings = Settings(storage_url=f"file://{tmp_path}/storage", secret_keys=(OLD,))
    open_salt(settings).derive("a")
    for letter in "ab":
        open_job_folder(settings).accept(accepted_job(letter * 32, container_url=SAS))
    monkeypatch.setenv("MEGABATCH_STORAGE_URL", settings.storage_url)
    monkeypatch.setenv("MEGABATCH_SECRET_KEYS", f"{NEW},{OLD}")
    return settings


def reseal(capsys: Capture) -> tuple[int, str]:
    code = run(["reseal"])
    told = capsys.readouterr()
    assert not told.out and "CANARY" not in told.err
    assert OLD not in told.err and NEW not in told.err
    return code, told.err


def test_it_counts_what_it_did(settings: Settings, capsys: Capture) -> None:
    assert reseal(capsys) == (exit_codes.DONE, "3 sealed anew, 0 by the first key before.\n")
    assert reseal(capsys) == (exit_codes.DONE, "0 sealed anew, 3 by the first key before.\n")


def test_it_says_which_files_no_key_opens(
    settings: Settings, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEGABATCH_SECRET_KEYS", NEW)
    code, told = reseal(capsys)
    assert code == exit_codes.FAILED
    assert f"jobs/{'a' * 32}/job.json" in told and "3 were sealed by none of the keys" in told


def test_a_process_that_still_seals_by_the_old_key_is_told(
    settings: Settings, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = []

    class Late(Resealing):
        def run(self) -> Iterator[tuple[str, Outcome]]:
            passes.append(self)
            yield from super().run()
            open_job_folder(settings).accept(accepted_job(f"{len(passes):032x}", container_url=SAS))

    late = Late(open_storage(settings), Sealer((NEW, OLD)))
    monkeypatch.setattr("cli.reseal.open_resealing", lambda settings: late)
    code, told = reseal(capsys)
    assert code == exit_codes.FAILED and len(passes) == 2
    assert "3 sealed anew" in told and "1 more were sealed by another key" in told
