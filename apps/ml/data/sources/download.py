"""One file from one address into the cache: with progress, whole or not at all, never with the wrong sha256."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from apps.ml.data.sources.cache import cached_path
from apps.ml.errors import ServiceUnavailableError, SourceError
from apps.ml.files import whole_file

if TYPE_CHECKING:
    import httpx

CONNECT_TIMEOUT_SECONDS = 10.0
READ_TIMEOUT_SECONDS = 60.0
CHUNK_BYTES = 1 << 16
AS_STORED = {"Accept-Encoding": "identity"}
"""The digest is that of the stored file, so it must not be packed on the way."""


def download(url: str, digest: str, repair: str) -> Path:
    """Fetch `url` into the cache and return the path of the file, whose sha256 is `digest`.

    Parameters
    ----------
    url
        An http or https address.
    digest
        Expected hexadecimal sha256.
    repair
        A sentence that says how the file can be had without this download; it ends the error's message.

    Raises
    ------
    ServiceUnavailableError
        The address does not answer with the file.
    SourceError
        The file has another sha256; nothing is kept.
    """
    path = cached_path(digest)
    with whole_file(path) as temporary:
        found = _stream_to(temporary, url, repair)
        if found != digest:
            raise SourceError(
                f"{url} has sha256 {found}, the declaration pins {digest}; nothing was kept. If this is the file that "
                f"you want, pin `sha256: {found}` in the declaration, else find out why it changed."
            )
    return path


def fetch_bytes(url: str, repair: str) -> bytes:
    """Return the whole body of a small answer (metadata), unverified."""
    with _answer(url, repair) as response:
        return response.read()


def _stream_to(path: Path, url: str, repair: str) -> str:
    sha256 = hashlib.sha256()
    with _answer(url, repair) as response, path.open("wb") as stream:
        for chunk in _with_progress(response, url):
            sha256.update(chunk)
            stream.write(chunk)
    return sha256.hexdigest()


@contextmanager
def _answer(url: str, repair: str) -> "Iterator[httpx.Response]":
    """Yield a streamed answer of status 200; whatever goes wrong on the way becomes one kind of error."""
    import httpx

    timeout = httpx.Timeout(READ_TIMEOUT_SECONDS, connect=CONNECT_TIMEOUT_SECONDS)
    try:
        with httpx.stream("GET", url, timeout=timeout, follow_redirects=True, headers=AS_STORED) as response:
            response.raise_for_status()
            yield response
    except httpx.HTTPStatusError as error:
        raise ServiceUnavailableError(f"{url} answers with status {error.response.status_code}. {repair}") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ServiceUnavailableError(f"{url} cannot be reached ({type(error).__name__}). {repair}") from error


def _with_progress(response: "httpx.Response", url: str) -> Iterator[bytes]:
    """Yield the body in pieces and show on stderr how much has arrived."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        total = response.headers.get("content-length")
        encoded = "content-encoding" in response.headers
        task = progress.add_task(url.rsplit("/", 1)[-1] or url, total=None if encoded or not total else int(total))
        for chunk in response.iter_bytes(CHUNK_BYTES):
            progress.update(task, advance=len(chunk))
            yield chunk
