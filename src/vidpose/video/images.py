"""Image files as the frames of a video."""

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Self

from vidpose.errors import VidposeError
from vidpose.file_names import located, readable
from vidpose.frame import Frame
from vidpose.image_files import IMAGE_SUFFIXES, listed, read_image


class Images:
    """Image files at a fixed rate; `Source` says what the attributes mean.

    Args:
        name: What the user gave.
        stem: The name of outputs.
        files: The images in order.
        fps: Frames per second.
    """

    live = real_time = False
    path = None

    def __init__(self, name: str, stem: str, files: Sequence[Path], fps: float) -> None:
        self.name = readable(name)
        self.stem = readable(stem)
        self.fps = fps
        self.frame_count = len(files)
        self.file_names = tuple(readable(path.name) for path in files)
        self.files = files

    @classmethod
    def of_folder(cls, folder: Path, fps: float) -> Self:
        """The images right inside a folder, in natural order; hidden files are left out.

        Raises:
            VidposeError: It cannot be listed, or holds no image.
        """
        files = [folder / name for name in listed(folder)]
        if not files:
            known = " ".join(sorted(IMAGE_SUFFIXES))
            raise VidposeError(f"{folder}: no image in this folder; it should hold {known} files")
        return cls(str(folder), located(folder).name, files, fps)

    @classmethod
    def of_files(cls, files: Sequence[Path], fps: float) -> Self:
        """The images of a list that is not empty, in its order.

        Raises:
            VidposeError: It names something missing or no image.
        """
        for path in files:
            if not path.is_file():
                raise VidposeError(f"{path}: no such file")
            if path.suffix.lower() not in IMAGE_SUFFIXES:
                raise VidposeError(f"{path}: not an image; a list of files is read as one sequence")
        return cls(str(files[0]), files[0].stem, files, fps)

    def frames(self) -> Generator[Frame]:
        """Read the images one by one.

        Raises:
            VidposeError: An image cannot be decoded.
        """
        for index, path in enumerate(self.files):
            yield Frame(index, index / self.fps, read_image(path), self.file_names[index])

    def close(self) -> None:
        """Nothing is held open."""
