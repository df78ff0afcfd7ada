"""Options that are whole numbers."""

import pytest

from vidpose.cli import main

COMMANDS = {
    "run clip.mp4": ("detect-every", "features-every", "threads"),
    "synth out": ("sequences", "frames", "workers"),
    "synth-bench out --kit kit --backgrounds pictures": ("workers",),
    "data animate coco stills out": ("frames", "views"),
    "data label clip.mp4 --out out": ("every", "max-frames"),
    "bench": ("repeat",),
}
FROM_ZERO = {
    "synth out": ("seed",),
    "data animate coco stills out": ("seed",),
    "evaluate answers --gt truth": ("bootstrap",),
}
CASES = [(command, option, 0) for command, options in COMMANDS.items() for option in options]
CASES += [(command, option, -1) for command, options in FROM_ZERO.items() for option in options]


@pytest.mark.parametrize(("command", "option", "value"), CASES)
def test_too_small_a_number_is_refused_by_name(
    command: str, option: str, value: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command.split(), f"--{option}={value}"]) == 2
    least = value + 1
    expected = f'vidpose: Invalid value "{value}" for --{option}. Must be >= {least}.\n'
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize("value", ["1.5", "x", "1e3"])
def test_what_is_no_whole_number_is_not_rounded(
    value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "clip.mp4", "--detect-every", value]) == 2
    expected = f"vidpose: Invalid value for --detect-every: {value!r} is not a whole number\n"
    assert capsys.readouterr().err == expected
