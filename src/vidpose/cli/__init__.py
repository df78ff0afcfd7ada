"""The command line: one file a command."""

import errno
import logging
import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

import vidpose
from vidpose.cli.bench import bench
from vidpose.cli.cost import cost
from vidpose.cli.data import data
from vidpose.cli.evaluate import evaluate
from vidpose.cli.export import export
from vidpose.cli.import_checkpoint import import_checkpoint
from vidpose.cli.info import info
from vidpose.cli.models import models
from vidpose.cli.predict import predict
from vidpose.cli.run import run
from vidpose.cli.schema import schema
from vidpose.cli.synth import synth
from vidpose.cli.synth_bench import synth_bench
from vidpose.cli.train import train
from vidpose.errors import VidposeError
from vidpose.exit_codes import BAD_INPUT, INTERRUPTED
from vidpose.malloc import reuse_freed_memory

app = App(
    name="vidpose",
    help="Human poses from video: tracked skeletons with one command.",
    version=vidpose.__version__,
    suppress_keyboard_interrupt=False,
)
for command in (
    run,
    train,
    predict,
    evaluate,
    export,
    synth,
    synth_bench,
    data,
    models,
    cost,
    bench,
    info,
    schema,
):
    app.command(command)
app.command(import_checkpoint, name="import")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, or 2 where the input is at fault."""
    reuse_freed_memory()
    logging.basicConfig(level=logging.WARNING, format="vidpose: warning: %(message)s")
    try:
        result = app(
            arguments, exit_on_error=False, print_error=False, result_action="return_value"
        )
        if sys.stdout is not None:  # as it is where somebody has closed it
            sys.stdout.flush()
    except (CycloptsError, VidposeError) as error:
        print(f"vidpose: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("vidpose: stopped; what was not finished was not kept", file=sys.stderr)
        return INTERRUPTED
    except RuntimeError as error:
        # Its class is torch's, which most commands do not need.
        if type(error).__name__ != "OutOfMemoryError":
            raise
        told = str(error).partition("\n")[0]
        print(f"vidpose: {told} Take a smaller model or batch, or --device cpu.", file=sys.stderr)
        return BAD_INPUT
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        _silence_output()
        return 0
    except OSError as error:
        if error.errno == errno.ENOSPC and error.filename is None:
            _silence_output()
            print(f"vidpose: cannot write what it says: {error.strerror}", file=sys.stderr)
            return BAD_INPUT
        # Names are looked at in many places, by Path.is_file and its like, which let these through.
        if error.errno not in (errno.ENAMETOOLONG, errno.EACCES):
            raise
        print(f"vidpose: {error.filename}: {error.strerror}", file=sys.stderr)
        return BAD_INPUT
    return result if isinstance(result, int) else 0


def _silence_output() -> None:
    """Python would complain again when it leaves."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
