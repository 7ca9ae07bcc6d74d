"""What the Hub refuses in the metadata of a card, in its words."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

LICENCES = re.findall(
    r"\S+",
    """
apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0 bigcode-openrail-m
afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda cc cc0-1.0 cc-by-2.0 cc-by-2.5
cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0
cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-sharing-1.0 cdla-permissive-1.0
cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0 lgpl
lgpl-2.1 lgpl-3.0 isc h-research intel-research lppl-1.3c ms-pl apple-ascl apple-amlr mpl-2.0 odc-by odbl openmdw-1.0
openrail++ osl-3.0 postgresql ofl-1.1 ncsa unlicense zlib pddl lgpl-lr deepfloyd-if-license
fair-noncommercial-research-license llama2 llama3 llama3.1 llama3.2 llama3.3 llama4 grok2-community gemma unknown other
""",
)
SIZES = ["n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B", "n>1B"]
COLOURS = ["red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"]
SDKS = ["gradio", "docker", "static", "streamlit"]
REPOSITORY = re.compile(r"([\w.-]+/)?[\w.-]+")


def problems(data: Mapping[str, Any], kind: str) -> Iterator[str]:
    """Yield what is wrong with the metadata of a card.

    Args:
        data: the metadata.
        kind: `model`, `dataset` or `space`.
    """
    for key, choices in {"license": LICENCES, "size_categories": SIZES}.items():
        if not {*_listed(data.get(key))} <= {*choices}:
            yield f'"{key}" must be one of [{", ".join(choices)}, array]'
    for number, code in enumerate(_listed(data.get("language"))):
        if not re.fullmatch("[a-z]{2,3}|code|multilingual", str(code)):
            yield (
                f'"language[{number}]" with value "{code}" is not valid. It must be an ISO 639-1, 639-2 or 639-3 code '
                '(two/three letters), or a special value like "code", "multilingual".'
            )
    for key in ("tags", "datasets", "models", "base_model", "pretty_name", "title"):
        if not all(isinstance(value, str) for value in _listed(data.get(key))):
            yield f'"{key}" must be a string'
    for key in ("datasets", "models", "base_model"):
        for number, name in enumerate(_listed(data.get(key))):
            if not REPOSITORY.fullmatch(str(name)):
                yield f'"{key}[{number}]" with value "{name}" is not valid'
    names = [config["config_name"] for config in data.get("configs") or []]
    if len(names) != len({*names}):
        yield "configs must have unique config_name"
    if kind == "space":
        yield from _of_space(data)


def _of_space(data: Mapping[str, Any]) -> Iterator[str]:
    for key, choices in {"sdk": SDKS, "colorFrom": COLOURS, "colorTo": COLOURS}.items():
        if key in data and data[key] not in choices:
            yield f'"{key}" must be one of [{", ".join(choices)}]'
    if len(data.get("short_description", "")) > 60:
        yield '"short_description" length must be less than or equal to 60 characters long'


def _listed(value: Any) -> list:
    return [] if value is None else value if isinstance(value, list) else [value]
