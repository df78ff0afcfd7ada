"""The error that a user can act on."""


class VidposeError(Exception):
    """Something about the input is wrong: the message says what, where and what to do.

    The command line prints the message as one line and leaves with exit code 2; from Python it is
    an ordinary exception. Faults of the program itself are never wrapped in it.
    """
