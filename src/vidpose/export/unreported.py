"""OpenVINO and NNCF without their reports to Google Analytics."""

import sys
from importlib import import_module
from threading import Lock
from types import ModuleType

# Both report by this package that they are imported and called, and do without where it is missing.
_REPORTER = "openvino_telemetry"
_hiding = Lock()


def unreported(name: str) -> ModuleType:
    """A package of OpenVINO's, imported so that it reports nothing.

    Nobody who runs a model was asked. And a report is sent from a fork of the process, which stands
    still if it frees a decoder whose threads it does not have; the process then never ends.

    A package that was imported before stays as it is.
    """
    with _hiding:
        before = sys.modules.get(_REPORTER)
        sys.modules[_REPORTER] = None  # type: ignore[assignment]  # means that there is none
        try:
            return import_module(name)
        finally:
            if before is None:
                del sys.modules[_REPORTER]
            else:
                sys.modules[_REPORTER] = before
