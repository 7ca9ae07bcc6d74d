"""The one kind of error that a user's input can cause."""


class XsnsError(Exception):
    """A mistake in the input, told in one sentence that names the input and the remedy.

    The command line prints the sentence and exits with code 2; it never shows a traceback for it.
    """
