"""The metadata of a card that someone wrote, which is kept when the card is written anew."""

import re
from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_LONGEST, _EVENTS, _DEPTH = 4 << 20, 500_000, 12
"""Characters and marks of the metadata: those of a card of 2,000 languages and seven recipes are half of that."""

_KEY = re.compile(r"[A-Za-z_][\w-]{0,99}")
_NO_KEYS = {"self", "ignore_metadata_errors"}
"""Names that huggingface_hub has for something else where it takes metadata."""


def written_metadata(card: str) -> dict[str, Any]:
    """Return the metadata of a card; nothing of what can't be read, or would take long to.

    Args:
        card: its text, with the metadata between lines of ---.
    """
    begins, _, rest = card[:_LONGEST].lstrip().partition("\n")
    text, ends, _ = rest.partition("\n---")
    if begins.rstrip() != "---" or not ends:
        return {}
    try:
        if not _is_plain(text):
            return {}
        fields = yaml.load(text, _LOADER)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):
        return {}
    if not isinstance(fields, dict):
        return {}
    kept = {key: value for key, value in fields.items() if isinstance(key, str) and _KEY.fullmatch(key)}
    return {key: value for key, value in kept.items() if key not in _NO_KEYS and _suits(key, value)}


def _is_plain(text: str) -> bool:
    """Return whether YAML is no more than it looks: without references, which grow when they are copied, and flat."""
    depth = 0
    for number, event in enumerate(yaml.parse(text, _LOADER)):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent) or depth > _DEPTH or number > _EVENTS:
            return False
    return True


def _suits(key: str, value: object) -> bool:
    """Return whether a licence is one or several names; of other fields nothing is known."""
    names = value if isinstance(value, list) else [value]
    return key != "license" or all(isinstance(name, str) for name in names)
