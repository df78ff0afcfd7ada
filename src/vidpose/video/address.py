"""From what the user names to what libav opens."""

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeGuard
from urllib.parse import urlsplit

import av

from vidpose.errors import VidposeError
from vidpose.file_names import readable

_LIVE_SCHEMES = {"rtsp", "rtsps", "rtmp", "rtmps", "rtp", "udp", "srt"}
_SCHEMES = _LIVE_SCHEMES | {"http", "https"}

# Long enough for a camera to wake up, short enough for a typing error in an address.
_TIMEOUT = 10.0


@dataclass(frozen=True)
class Address:
    """A video that libav can be asked for, and what to say when it cannot be had.

    Attributes:
        name: What the user gave, for messages and results; without the password of a URL.
        stem: The name of outputs: no folder, no ending.
        file: What libav opens.
        failure: The start of the message when it does not open.
        advice: The end of that message.
        path: The file, where it is one.
        live: Whether it goes on until somebody stops it; of a web address only its answer can tell.
        format: libav's input format, None to let it look.
        options: libav's options.
        timeout: Seconds to wait for an answer; None to wait for ever.
    """

    name: str
    stem: str
    file: str
    failure: str
    advice: str
    path: Path | None = None
    live: bool = False
    format: str | None = None
    options: dict[str, str] = field(default_factory=dict)
    timeout: float | None = None


def is_camera(source: object) -> TypeGuard[str]:
    """Whether ``source`` is written as a camera: ``camera:`` and a number or device."""
    return isinstance(source, str) and source.startswith("camera:")


def is_url(source: object) -> TypeGuard[str]:
    """Whether ``source`` is written as an address of the network."""
    return isinstance(source, str) and source.partition("://")[0].lower() in _SCHEMES


def check_name(source: str) -> None:
    """Whether ``source`` can be the name of anything.

    Raises:
        VidposeError: It is empty, or an address of a kind that is not read.
    """
    if not source:
        raise VidposeError(
            "the name of the source is empty: name a video, an image, a folder, camera:0 or a URL"
        )
    # Two letters or more: one alone is a drive of Windows.
    foreign = re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", source) and not is_url(source)
    if foreign and not Path(source).exists():
        raise VidposeError(
            f"{without_password(source)}: not an address of a kind that is read; give a file, or "
            f"an address of {', '.join(sorted(_SCHEMES))}"
        )


def file_address(path: Path) -> Address:
    """A video file.

    Raises:
        VidposeError: There is no such file, or it is empty.
    """
    if not path.exists():
        hint = f"; the camera is camera:{path}" if str(path).isdigit() else ""
        raise VidposeError(f"{path}: no such file or folder{hint}")
    if not path.is_file():
        raise VidposeError(f"{path}: neither a file nor a folder; give a video file")
    if path.stat().st_size == 0:
        raise VidposeError(f"{path}: the file is empty; was it copied or recorded to the end?")
    return Address(
        name=readable(path),
        stem=readable(path.stem),
        file=str(path.absolute()),  # a colon in a relative one would read as a protocol
        failure=f"{path}: not a video that can be read",
        advice="give a video file such as mp4, mov, mkv, webm or avi",
        path=path,
    )


def camera_address(source: int | str) -> Address:
    """A camera of this computer, by number or by the device's name after ``camera:``."""
    device = str(source).removeprefix("camera:")
    if not device or device.startswith("-"):
        raise VidposeError(f"{source}: no camera has this name; the first one is camera:0")
    form, file, options = _capture(device)
    return Address(
        name=f"camera:{device}",
        stem=f"camera-{_slug(device)}",
        file=file,
        failure=f"camera {device}: cannot be opened",
        advice="is it plugged in, permitted, and not in use by another program?",
        live=True,
        format=form,
        options=options,
        timeout=_TIMEOUT,
    )


def url_stems(url: str) -> tuple[str, str]:
    """Names of outputs, short and long: host and path; the same with the port and the ending.

    Neither a user nor a query is in them, which may be secret.

    Raises:
        VidposeError: It is no address.
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:  # of brackets, which are for IPv6
        raise VidposeError(
            f"{without_password(url)}: not an address ({error}); check its host"
        ) from error
    path = Path(parts.path)
    host = parts.netloc.rpartition("@")[2]
    short = f"{parts.hostname or ''} {path.with_suffix('') if path.name else ''}"
    return _slug(short), _slug(f"{host} {parts.path}")


def url_address(url: str) -> Address:
    """A stream or a file on the network.

    Raises:
        VidposeError: It is no address.
    """
    name, (stem, _) = without_password(url), url_stems(url)
    scheme = url.partition("://")[0].lower()
    # Lost packets of RTSP over UDP show as smeared people; TCP sends them again.
    options = {"rtsp_transport": "tcp"} if scheme.startswith("rtsp") else {}
    return Address(
        name=name,
        stem=stem,
        file=url,
        failure=f"{name}: cannot be reached or read",
        advice="check the address and the network",
        live=scheme in _LIVE_SCHEMES,
        options=options,
        timeout=_TIMEOUT,
    )


def _capture(device: str) -> tuple[str, str, dict[str, str]]:
    """The input format, file and options under which this system offers a camera."""
    if sys.platform == "darwin":
        # The default of 29.97 frames per second is one that built-in cameras refuse.
        return "avfoundation", f"{device}:none", {"framerate": "30"}
    if sys.platform == "win32":
        return "dshow", f"video={_dshow_name(device)}", {}
    return "v4l2", f"/dev/video{device}" if device.isdigit() else device, {}


def _dshow_name(device: str) -> str:
    """DirectShow knows cameras by name only, so a number is a place in its list."""
    if not device.isdigit():
        return device
    listed = [d for d in av.enumerate_input_devices("dshow") if "video" in d.media_types]
    if int(device) >= len(listed):
        raise VidposeError(f"camera {device}: cannot be opened; {len(listed)} cameras are attached")
    return listed[int(device)].name


def without_password(url: str) -> str:
    """``url`` without what stands before the host; what is no address stays as it is."""
    return re.sub(r"^([^/]*//)[^/?#]*@", r"\1", url)


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._]+", "-", text).strip("-.") or "stream"
