"""Which image of a sequence a record in a file of boxes is about."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePath

from vidpose.detect.boxfiles import FoundFrame
from vidpose.errors import VidposeError


class Stills:
    """The images of a source by their names.

    Their order says little: ``ffmpeg`` numbers them from 1, COCO's annotations list them in any
    order.

    Args:
        names: Their file names, in the source's order.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self._named = defaultdict(list)
        for position, name in enumerate(names):
            self._named[name].append(position)
        self._numbered = defaultdict(list)
        stems = [PurePath(name).stem for name in names]
        if all(stem.isdecimal() for stem in stems):
            for position, stem in enumerate(stems):
                self._numbered[int(stem)].append(position)

    def position(self, found: FoundFrame, path: Path) -> int:
        """The position in the source of the image that a record of the file ``path`` means.

        Raises:
            VidposeError: The source has no such image, or several.
        """
        if found.name is not None:
            return self._by_name(found.name, path)
        if found.number is not None and self._numbered:
            return self._by_number(found.number, path)
        if found.index >= len(self.names):
            raise VidposeError(
                f"{path} has boxes for frame {found.index}, but there are {len(self.names)} "
                f"images, counted from 0"
            )
        return found.index

    def _by_name(self, name: str, path: Path) -> int:
        if not name:
            raise VidposeError(
                f"{path} lists an image without a file_name, by which boxes find their image"
            )
        matches = self._named.get(name, [])
        if not matches:
            raise VidposeError(
                f"{path} has boxes for {name}, which is not among the {len(self.names)} images"
            )
        if len(matches) > 1:
            raise VidposeError(
                f"{path} has boxes for {name}, but {len(matches)} images are called so"
            )
        return matches[0]

    def _by_number(self, number: int, path: Path) -> int:
        matches = self._numbered.get(number, [])
        if len(matches) != 1:
            which = f"{len(matches)} images have" if matches else "no image has"
            raise VidposeError(f"{path} has boxes for image {number}, but {which} that number")
        return matches[0]
