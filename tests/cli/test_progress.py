"""What a run says of how far it is."""

import io
from typing import Any

import pytest
from rich.console import Console

from vidpose.cli import progress
from vidpose.cli.progress import Progress

TITLE = "talk [dQw4w9] :smile:"


def shown(monkeypatch: pytest.MonkeyPatch, people: int, *, terminal: bool) -> str:
    """What is written while one frame of ``people`` is counted."""
    written = io.StringIO()

    def console(**options: Any) -> Console:
        return Console(file=written, force_terminal=terminal, width=160, color_system=None)

    monkeypatch.setattr(progress, "Console", console)
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 0.0)
    with Progress(TITLE, 1) as bar:
        bar.advance(people)
    return written.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_a_title_is_shown_as_it_is(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    assert TITLE in shown(monkeypatch, 2, terminal=terminal)


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize(("people", "words"), [(0, "0 people"), (1, "1 person"), (2, "2 people")])
def test_one_is_a_person(
    monkeypatch: pytest.MonkeyPatch, people: int, words: str, terminal: bool
) -> None:
    said = shown(monkeypatch, people, terminal=terminal)
    assert words in said and "1 people" not in said
