"""What the results of several sources are called."""

from collections.abc import Sequence
from pathlib import Path

from vidpose.errors import VidposeError
from vidpose.file_names import located
from vidpose.video.address import is_camera, is_url, url_stems, without_password


def names_of(sources: Sequence[str]) -> dict[str, str]:
    """What tells sources of one stem apart: their endings, else the folders they are in.

    An address has its host and path in its stem; what tells it from another is its port and ending.

    Returns:
        The names of those sources that have another than their stem.

    Raises:
        VidposeError: A source is given twice.
    """
    twice = [source for source in sources if sources.count(source) > 1]
    if twice:
        raise VidposeError(f"{without_password(twice[0])}: given twice")
    stems, *longer = zip(*(_forms(source) for source in sources), strict=True)
    names = stems
    for others in longer:
        names = tuple(
            other if names.count(name) > 1 else name
            for name, other in zip(names, others, strict=True)
        )
    told_apart = zip(sources, names, stems, strict=True)
    return {source: name for source, name, stem in told_apart if name != stem}


def _forms(source: str) -> tuple[str, str, str, str]:
    """Names of a source, from short to long, of an address without what may be secret."""
    if is_camera(source):
        return source, source, source, source
    if is_url(source):
        try:
            short, long = url_stems(source)
        except VidposeError:  # is said where it is opened
            return source, source, source, source
        return short, long, long, long
    path = located(Path(source))
    stem = path.name if path.is_dir() else path.stem
    return stem, path.name, f"{path.parent.name}-{stem}", f"{path.parent.name}-{path.name}"
