"""The native format: everything a result holds, one frame a line, inside one JSON object."""

from pathlib import Path

from vidpose.errors import VidposeError
from vidpose.formats.base import Writer
from vidpose.formats.reading import checked, read_json
from vidpose.poses import SCHEMA_VERSION, FramePoses, Poses


class NativeWriter(Writer):
    """``poses.json``, as `Poses.json_schema` describes it."""

    file_name = "poses.json"

    def _begin(self) -> None:
        self._file.write(f'{{"header":{self.header.model_dump_json()},\n"frames":[')
        self._separator = "\n"

    def write(self, frame: FramePoses) -> None:
        """Append a frame."""
        # A frame of a video has neither name nor size of its own: files stay small.
        self._file.write(self._separator + frame.model_dump_json(exclude_none=True))
        self._separator = ",\n"

    def _finish(self) -> None:
        self._file.write("\n]}\n")


def load(path: Path) -> Poses:
    """Read a ``poses.json``.

    Raises:
        VidposeError: The file is missing, not JSON, of another schema version, or does not follow
            the schema; the message names the first place that does not.
    """
    return parse(read_json(path), path)


def parse(document: object, path: Path) -> Poses:
    """The poses in ``document``, the parsed content of ``path``.

    Raises:
        VidposeError: It is of another schema version or does not follow the schema.
    """
    header = document.get("header") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(header, dict) or "frames" not in document:
        raise VidposeError(f"{path} is JSON but not vidpose poses: it has no header and frames")
    version = header.get("schema_version")
    if version != SCHEMA_VERSION:
        raise VidposeError(
            f"{path} has schema version {version!r}, this vidpose reads {SCHEMA_VERSION!r}"
        )
    return checked(Poses, document, path)
