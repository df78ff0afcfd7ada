"""What of a dataset lies in a folder, what is missing or broken, and whether the counts agree."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vidpose.counting import counted
from vidpose.datasets.attach import AbsentSplitError, MissingPicturesError, need_folder
from vidpose.datasets.labels import SequenceLabels
from vidpose.datasets.registry import DATASETS, Dataset, find
from vidpose.errors import VidposeError
from vidpose.formats.reading import read_json

# Enough to find a broken copy, few enough to take seconds.
_OPENED = 40
# More faults of one kind are counted, not listed.
_LISTED = 5


@dataclass(frozen=True)
class Counts:
    """How much is labelled in a split."""

    sequences: int
    frames: int
    labelled: int
    people: int
    with_joints: int
    joints: int


@dataclass(frozen=True)
class SplitReport:
    """What was found of a split.

    Attributes:
        name: The split.
        counts: What is labelled.
        opened: How many pictures were opened as a sample.
        faults: What is missing, broken or inconsistent, one line each.
    """

    name: str
    counts: Counts
    opened: int
    faults: tuple[str, ...]


@dataclass(frozen=True)
class DatasetReport:
    """What was found of a dataset.

    Attributes:
        dataset: Its name in `DATASETS`.
        root: The folder.
        splits: The splits that are there.
        absent: The splits that are not.
    """

    dataset: str
    root: Path
    splits: tuple[SplitReport, ...]
    absent: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether all that is there can be used."""
        return not any(split.faults for split in self.splits)

    def lines(self) -> list[str]:
        """The report in words, a line each."""
        entry = DATASETS[self.dataset]
        lines = [f"{self.root}: {entry.description} ({self.dataset})"]
        for split in self.splits:
            lines += _split_lines(split, entry)
        lines += [f"  {name}: not there" for name in self.absent]
        lines += self._pose_lines(entry)
        wrong = sum(len(split.faults) for split in self.splits)
        faults = f"{counted(wrong, 'kind', 'kinds')} of fault, see above"
        return [*lines, "  all is well" if self.whole else f"  {faults}"]

    def _pose_lines(self, entry: Dataset) -> list[str]:
        if entry.poses is None:
            return []
        public = [split for split in self.splits if split.name in ("train", "val")]
        people = sum(split.counts.people for split in public)
        with_joints = sum(split.counts.with_joints for split in public)
        here = f"{people:,} people here, {with_joints:,} of them with joints"
        if len(public) < 2:
            return [f"  poses: {entry.poses:,} published for train and val together; {here}"]
        verdict = _verdict(entry.poses in (people, with_joints))
        return [f"  poses in train and val: {entry.poses:,} published, {here}: {verdict}"]


def check(root: Path, dataset: str | None = None) -> DatasetReport:
    """Look through a folder.

    All labels are read; pictures are looked for by name, and a sample of them is opened.

    Args:
        root: The folder of the download, which may be a part of it.
        dataset: A name in `DATASETS`; recognised from the folder's content if not given.

    Raises:
        VidposeError: There is no such folder, it is not recognised, or has no split of the dataset.
    """
    need_folder(root, "of a dataset")
    name = dataset or recognise(root)
    entry = find(name)
    splits: list[SplitReport] = []
    absent: dict[str, AbsentSplitError] = {}
    for split in entry.splits:
        try:
            splits.append(_check_split(entry, root, split))
        except AbsentSplitError as error:
            absent[split] = error
    if not splits:
        raise next(iter(absent.values()))
    return DatasetReport(name, root, tuple(splits), tuple(absent))


def recognise(root: Path) -> str:
    """The name of the dataset that lies in a folder.

    Raises:
        VidposeError: None of the known layouts is there.
    """
    if (root / "joint_positions").is_dir() or (root / "Rename_Images").is_dir():
        return "jhmdb"
    if (root / "labels").is_dir() and (root / "frames").is_dir():
        return "penn"
    if (root / "joints.mat").is_file():
        return "lsp-extended" if (root / "images" / "im00001.jpg").is_file() else "lsp"
    if any((root / "posetrack_data").glob("[tv]*/*.json")):
        return "posetrack21"
    for folder in (root / "annotations", root / "posetrack_data" / "annotations"):
        first = next(folder.glob("[tv]*/*.json"), None)
        if first is not None:
            return "posetrack17" if "annolist" in _keys(first) else "posetrack18"
        if any(folder.glob("[tv]*/*.mat")):
            return "posetrack17"
    if any((root / "annotations").glob("*.json")):
        return "coco"
    raise VidposeError(
        f"{root}: no dataset is recognised here; is it the folder with 'annotations' (PoseTrack, "
        f"COCO), 'labels' (Penn Action), 'joint_positions' (JHMDB) or 'joints.mat' (LSP)? "
        f"--dataset NAME says which it should be: {', '.join(DATASETS)}"
    )


def _keys(path: Path) -> set[str]:
    try:
        document = read_json(path)
    except VidposeError:
        return set()  # said when the split is read
    return set(document) if isinstance(document, dict) else set()


def _check_split(entry: Dataset, root: Path, name: str) -> SplitReport:
    sequences: list[SequenceLabels] = []
    faults: list[VidposeError] = []
    try:
        sequences = entry.read(root, name, faults.append)
    except AbsentSplitError:
        raise
    except VidposeError as error:
        faults.append(error)
    if not sequences and not faults:
        raise AbsentSplitError(f"{root}: no sequence of the split {name} in this folder")
    missing = [fault for fault in faults if isinstance(fault, MissingPicturesError)]
    broken = [fault for fault in faults if not isinstance(fault, MissingPicturesError)]
    lines = [str(fault) for fault in broken[:_LISTED]]
    if len(broken) > _LISTED:
        lines.append(f"{len(broken) - _LISTED} more files cannot be read")
    if missing:
        of = f"pictures of {len(missing)} places are" if len(missing) > 1 else "pictures are"
        lines.append(f"{of} missing; the first: {missing[0]}")
    opened, unreadable = _open_some(sequences)
    counts = _count(sequences)
    if counts.frames and not counts.labelled:
        unreadable.append("not one frame is labelled")
    return SplitReport(name, counts, opened, (*lines, *unreadable, *_contradictions(sequences)))


def _contradictions(sequences: Sequence[SequenceLabels]) -> list[str]:
    """Frames that are said not to be labelled but have people, whom poseval counts all the same."""
    names = [
        frame.name
        for sequence in sequences
        for frame in sequence.frames
        if frame.people and not frame.labelled
    ]
    if not names:
        return []
    count = counted(len(names), "frame has", "frames have")
    return [f"{count} people although is_labeled is false; the first: {names[0]}"]


def _count(sequences: Sequence[SequenceLabels]) -> Counts:
    frames = [frame for sequence in sequences for frame in sequence.frames]
    people = [person for frame in frames for person in frame.people]
    joints = [int(person.labelled.sum()) for person in people]
    return Counts(
        sequences=len(sequences),
        frames=len(frames),
        labelled=sum(frame.labelled for frame in frames),
        people=len(people),
        with_joints=sum(count > 0 for count in joints),
        joints=sum(joints),
    )


def _open_some(sequences: Sequence[SequenceLabels]) -> tuple[int, list[str]]:
    """Open pictures spread over the split; how many, and what is wrong with some."""
    frames = [
        (sequence.images, frame)
        for sequence in sequences
        for frame in sequence.frames
        if sequence.images is not None
    ]
    faults = []
    chosen = frames[:: max(1, len(frames) // _OPENED)][:_OPENED]
    for images, frame in chosen:
        try:
            height, width = images[frame.index].shape[:2]
        except VidposeError as error:
            faults.append(str(error))
            continue
        if frame.size not in (None, (width, height)):
            faults.append(f"{frame.name} is {width}x{height} pixels, its labels say {frame.size}")
    more = [f"{len(faults) - _LISTED} more of {len(chosen)} opened pictures are like this"]
    return len(chosen), faults[:_LISTED] + (more if len(faults) > _LISTED else [])


def _split_lines(split: SplitReport, entry: Dataset) -> list[str]:
    counts = split.counts
    published = entry.sequences.get(split.name)
    agree = ""
    if published is not None:
        agree = f" ({published:,} published: {_verdict(published == counts.sequences)})"
    return [
        f"  {split.name}: {counted(counts.sequences, 'sequence', 'sequences')}{agree}",
        f"    {counted(counts.frames, 'frame', 'frames')}, {counts.labelled:,} labelled; "
        f"{counted(counts.people, 'person', 'people')}, {counts.with_joints:,} with joints; "
        f"{counted(counts.joints, 'joint', 'joints')}",
        f"    {counted(split.opened, 'picture', 'pictures')} opened",
        *(f"    FAULT {fault}" for fault in split.faults),
    ]


def _verdict(agrees: bool) -> str:
    return "agrees" if agrees else "differs"
