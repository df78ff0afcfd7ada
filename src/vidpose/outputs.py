"""The files of one run: written in a hidden folder, and moved when all of them are whole."""

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

import numpy as np
from jaxtyping import UInt8

from vidpose import formats
from vidpose.atomic import staged_within
from vidpose.background import Background
from vidpose.drawing import draw
from vidpose.errors import VidposeError
from vidpose.frame import Frame
from vidpose.image_files import encoded
from vidpose.poses import FramePoses, Header
from vidpose.video import Source, StillWriter, VideoWriter

# <frame>-<person>-<probe>.png, as `vidpose.features_view.features_of` names them.
_PICTURE = re.compile(r"\d{6,}-\d+-.+\.png")

Pictures = Mapping[str, UInt8[np.ndarray, "_ _ 3"]]


class Outputs:
    """Every file that a run writes into its folder.

    Used in a ``with`` block: leaving it normally puts the files in place if there was a frame;
    leaving it by an error removes what was written so far and leaves older files as they were.

    Args:
        folder: Where the files go; made if need be.
        source: Whose frames they are about.
        header: Goes into the files.
        kinds: Formats, keys of `formats.FORMATS`.
        video: Whether to write the frames with skeletons drawn: an mp4, of a single image a jpg.
        features: Whether there is a folder for pictures of features.
        compare: Width and height of the film with the baseline beside the model, if there is one.
        reads: Files that are read beside the source's.
        overwrite: Whether existing files may be replaced.

    Attributes:
        files: What is written.
        features: The folder of pictures, or None.

    Raises:
        VidposeError: A file exists already, the folder cannot be written, a format is unknown, a
            file would replace one that is read, or frames are too large to be drawn in a file.
    """

    def __init__(
        self,
        folder: Path,
        source: Source,
        header: Header,
        *,
        kinds: Sequence[str],
        video: bool,
        features: bool = False,
        compare: tuple[int, int] | None = None,
        reads: Sequence[Path] = (),
        overwrite: bool,
    ) -> None:
        self.folder = folder
        self._source = source
        self._header = header
        self._kinds = {kind: formats.writer_class(kind).file_name for kind in kinds}
        self._still = source.file_names is not None and source.frame_count == 1
        ending = "jpg" if self._still else "mp4"
        self._video = f"{source.stem}.{ending}" if video else None
        self._compare = compare
        self._comparison = f"{source.stem}-compare.{ending}" if compare else None
        names = (*self._kinds.values(), self._video, self._comparison)
        self.files = [folder / name for name in names if name]
        self.features = folder / "features" if features else None
        self._check((*source.files, *reads), overwrite)
        self._skeleton = header.skeleton.skeleton()
        self._stack = ExitStack()
        self._empty = True

    def _check(self, reads: Sequence[Path], overwrite: bool) -> None:
        if not self.files and self.features is None:
            raise VidposeError("nothing to write: give --format, or leave out --no-video")
        if self.folder.exists() and not self.folder.is_dir():
            raise VidposeError(f"{self.folder}: is a file; give a folder with -o")
        for file in filter(Path.exists, (*self.files, *filter(None, [self.features]))):
            if any(file.samefile(read) for read in reads):
                raise VidposeError(f"{file}: would replace what is read; give another with -o")
            if file == self.features and not file.is_dir():
                raise VidposeError(f"{file}: is a file; give another folder with -o")
            if file != self.features and not file.is_file():
                raise VidposeError(f"{file}: is a folder; give another with -o")
            if not overwrite:
                raise VidposeError(
                    f"{file}: exists already; add --overwrite, or another folder with -o"
                )

    def __enter__(self) -> Self:
        with self._clear_errors(), ExitStack() as stack:
            staging = stack.enter_context(staged_within(self.folder))
            stack.enter_context(self._kept(staging))
            self._open(staging, stack)
            self._stack = stack.pop_all()
        return self

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        """A full disk or a missing permission is the user's to mend, and is said in one line."""
        try:
            yield
        except OSError as error:
            raise VidposeError(
                f"{self.folder}: cannot be written ({error.strerror}); "
                "is there space and permission? Another folder goes with -o"
            ) from error

    @contextmanager
    def _kept(self, staging: Path) -> Iterator[None]:
        """What becomes of whole files: of a run without a frame nothing is kept."""
        yield
        if self._empty:
            shutil.rmtree(staging)
            staging.mkdir()
        elif self.features is not None:
            _replace_pictures(staging / self.features.name, self.features)

    def _open(self, staging: Path, stack: ExitStack) -> None:
        self._writers = [
            stack.enter_context(formats.writer_class(kind)(staging / name, self._header))
            for kind, name in self._kinds.items()
        ]
        self._pictures = None
        if self.features is not None:
            self._pictures = staging / self.features.name
            self._pictures.mkdir()
        own = self._header.width, self._header.height
        self._film = self._open_film(staging, stack, self._video, own)
        self._compared = self._open_film(staging, stack, self._comparison, self._compare)
        # The last to be opened is the first to be closed: every frame is in the files by then.
        self._background = stack.enter_context(Background())

    def _open_film(
        self, staging: Path, stack: ExitStack, name: str | None, size: tuple[int, int] | None
    ) -> StillWriter | VideoWriter | None:
        if name is None or size is None:
            return None
        self._check_size(name, size, (StillWriter if self._still else VideoWriter).largest)
        if self._still:
            return StillWriter(staging / name)
        film = VideoWriter(
            staging / name, *size, fps=self._header.fps, audio_from=self._source.path
        )
        return stack.enter_context(film)

    def _check_size(self, name: str, size: tuple[int, int], largest: int) -> None:
        if max(size) > largest:
            way = "without --compare" if name == self._comparison else "with --no-video"
            raise VidposeError(
                f"{self.folder / name}: cannot have {size[0]} x {size[1]} pixels, only up to "
                f"{largest} a side; leave it out {way}"
            )

    def write(
        self,
        frame: Frame,
        poses: FramePoses,
        pictures: Pictures = MappingProxyType({}),
        comparison: UInt8[np.ndarray, "h w 3"] | None = None,
    ) -> None:
        """Add one frame to every file, in a thread beside the caller's.

        Args:
            frame: As it was read.
            poses: Its people.
            pictures: Of its features, see `vidpose.features_view.features_of`.
            comparison: Of the baseline and the model, see `vidpose.compare.Comparison`.

        Raises:
            VidposeError: The disk is full, or the folder cannot be written any more; if not of this
                frame, then of a later one, or when the ``with`` block is left.
        """
        self._background.run(partial(self._write, frame, poses, pictures, comparison))
        self._empty = False

    def _write(
        self,
        frame: Frame,
        poses: FramePoses,
        pictures: Pictures,
        comparison: UInt8[np.ndarray, "h w 3"] | None,
    ) -> None:
        with self._clear_errors():
            for writer in self._writers:
                writer.write(poses)
            if self._film is not None:
                self._film.write(draw(frame.image, poses.people, self._skeleton), frame.pts)
            if self._compared is not None and comparison is not None:
                self._compared.write(comparison, frame.pts)
            if self._pictures is not None:
                for name, picture in pictures.items():
                    (self._pictures / name).write_bytes(encoded(picture, ".png"))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._clear_errors():
            self._stack.__exit__(kind, error, trace)


def _replace_pictures(fresh: Path, folder: Path) -> None:
    """Move pictures of features into a folder, in the place of all older ones.

    Other files there are somebody else's.
    """
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        if _PICTURE.fullmatch(old.name):
            old.unlink()
    for picture in fresh.iterdir():
        picture.replace(folder / picture.name)
    fresh.rmdir()
