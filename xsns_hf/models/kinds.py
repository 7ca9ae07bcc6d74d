"""Which kind of language model a checkpoint is, and so which objective it was pre-trained with.

Told from the model's configuration and tokenizer, by what transformers can do with them; nothing in here loads weights.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_MASKED_LM_MAPPING,
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
    MODEL_MAPPING,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    ByT5Tokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from xsns_hf.errors import XsnsError, parameter
from xsns_hf.languages.codes import identify_or_none
from xsns_hf.models.objectives import (
    CausalLanguageModelling,
    MaskedLanguageModelling,
    Objective,
    SpanDenoising,
    TextInfilling,
)
from xsns_hf.recipe import LanguageModelling

AUTO_CLASSES: Mapping[str, Any] = {
    "mlm": AutoModelForMaskedLM,
    "clm": AutoModelForCausalLM,
    "span": AutoModelForSeq2SeqLM,
    "infilling": AutoModelForSeq2SeqLM,
}
"""What loads a model with the head of an objective."""

_MAPPINGS: Mapping[LanguageModelling, Any] = {
    "mlm": MODEL_FOR_MASKED_LM_MAPPING,
    "clm": MODEL_FOR_CAUSAL_LM_MAPPING,
    "span": MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
    "infilling": MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
}
_KINDS: Mapping[LanguageModelling, str] = {
    "mlm": "an encoder with a mask token, such as XLM-R or mBERT",
    "clm": "a decoder, such as BLOOM, XGLM or Llama",
    "span": "an encoder–decoder with sentinels, such as mT5",
    "infilling": "an encoder–decoder with a mask token, such as mBART",
}

INFILLING = {"bart", "mbart", "plbart"}
"""Families that were pre-trained to fill in spans; other encoder–decoders with a mask token may be anything."""


def check_text_model(model: str, config: PretrainedConfig) -> None:
    """Make sure that a model takes text, and nothing but text.

    Raises:
        XsnsError: it is for images or speech, or for several kinds of input.
    """
    if getattr(config, "quantization_config", None) is not None:
        raise XsnsError(
            f"{model} has quantized weights, which have no gradients: use the checkpoint that it was made from, "
            f"perhaps with {parameter('precision', 'bfloat16-weights')}."
        )
    if getattr(config, "n_langs", 1) > 1 and getattr(config, "use_lang_emb", False):
        raise XsnsError(
            f"{model} is a {config.model_type} model that wants to be told each token's language: use one without "
            "language embeddings, such as FacebookAI/xlm-mlm-100-1280."
        )
    inputs = sorted({*config.sub_configs} & {"vision_config", "audio_config", "image_config", "speech_config"})
    if inputs:
        raise XsnsError(
            f"{model} is a {config.model_type} model, which takes more than text ({', '.join(inputs)}): "
            "use the checkpoint of a text model."
        )
    if type(config) in MODEL_MAPPING:
        body = MODEL_MAPPING[type(config)]
        takes = getattr(body[0] if isinstance(body, tuple) else body, "main_input_name", None)
        if takes != "input_ids":
            raise XsnsError(
                f"{model} is a {config.model_type} model, which takes {takes} and no text: use a text model, "
                "such as XLM-R, BLOOM or mT5."
            )


def objective_of(model: str, config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> LanguageModelling:
    """Return the objective that a text model was pre-trained with.

    Raises:
        XsnsError: none of them fits it.
    """
    objective: LanguageModelling
    if not config.is_encoder_decoder:
        objective = "clm" if is_decoder(config) else "mlm"
    elif sentinels(tokenizer):
        objective = "span"
    elif config.model_type in INFILLING:
        objective = "infilling"
    else:
        raise XsnsError(
            f"What {model}, a {config.model_type} model, was pre-trained to predict isn't known: use another model, "
            f"such as mT5 or mBART, or choose {parameter('objective', 'infilling')} if it has a mask token."
        )
    check_objective(objective, model, config, tokenizer)
    return objective


def check_objective(
    objective: LanguageModelling, model: str, config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase
) -> None:
    """Make sure that a language-modelling objective fits a text model.

    Args:
        objective: which.
        model: what to call it.
        config: its configuration.
        tokenizer: its tokenizer.

    Raises:
        XsnsError: it doesn't.
    """
    lacks = None
    if objective in {"mlm", "infilling"} and tokenizer.mask_token_id is None:
        lacks = "no mask token"
    elif objective == "span" and not sentinels(tokenizer):
        lacks = "no sentinels (<extra_id_0> …)"
    if not _can(objective, config):
        lacks = "no language model of that kind in transformers"
    elif config.is_encoder_decoder != (objective in {"span", "infilling"}):
        lacks = "both an encoder and a decoder" if config.is_encoder_decoder else "one stack only"
    elif not config.is_encoder_decoder and is_decoder(config) != (objective == "clm"):
        lacks = "tokens that see those before them only" if is_decoder(config) else "tokens that see those after them"
    if lacks:
        raise XsnsError(
            f"{model} is a {config.model_type} model with {lacks}, so the objective {objective} doesn't apply to it: "
            f"use {_KINDS[objective]}, or another {parameter('objective')}."
        )


def _can(objective: LanguageModelling, config: PretrainedConfig) -> bool:
    """Return whether a model has a head for an objective, in transformers or in code of its own."""
    return type(config) in _MAPPINGS[objective] or AUTO_CLASSES[objective].__name__ in getattr(config, "auto_map", {})


def has_head(model: PreTrainedModel, objective: LanguageModelling) -> bool:
    """Return whether a loaded model is one with a head for an objective, in transformers or in code of its own."""
    known = _MAPPINGS[objective].get(type(model.config), ())
    own = getattr(model.config, "auto_map", {}).get(AUTO_CLASSES[objective].__name__, "")
    classes = known if isinstance(known, tuple) else (known,)
    return isinstance(model, classes) or type(model).__name__ == str(own).rpartition(".")[2]


def is_decoder(config: PretrainedConfig) -> bool:
    """Return whether a model's tokens see those before them only; some families, BERT's and XLM's, have both kinds."""
    if config.is_encoder_decoder or not _can("clm", config):
        return False
    if not _can("mlm", config):
        return True
    masked = MODEL_FOR_MASKED_LM_MAPPING.get(type(config), None)
    names = {*(config.architectures or [])} - {getattr(masked, "__name__", None)}
    causal = any(name.endswith(("ForCausalLM", "LMHeadModel")) for name in names)
    return causal or any(getattr(config, flag, False) for flag in ("is_decoder", "causal"))


def make_objective(
    objective: str, config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase, ratio: float
) -> Objective:
    """Return the objective for a model, see `objectives`.

    Args:
        objective: one that fits the model, see `check_objective`.
        config: the model's configuration.
        tokenizer: its tokenizer.
        ratio: share of the tokens that is masked or dropped, where that applies.
    """
    start = getattr(config, "decoder_start_token_id", None)
    mask = tokenizer.mask_token_id
    if objective == "mlm":
        assert isinstance(mask, int)
        # A tokenizer may have had tokens added that the model has no embeddings for.
        vocabulary = min(len(tokenizer), getattr(config, "vocab_size", None) or len(tokenizer))
        return MaskedLanguageModelling(mask, vocabulary, ratio)
    if objective == "span":
        begin = start if start is not None else tokenizer.pad_token_id
        assert isinstance(begin, int) and isinstance(tokenizer.eos_token_id, int)
        return SpanDenoising(sentinels(tokenizer), tokenizer.eos_token_id, begin, ratio)
    if objective == "infilling":
        assert isinstance(mask, int)
        return TextInfilling(mask, start, ratio)
    return CausalLanguageModelling()


def sentinels(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return the ids of T5's sentinels `<extra_id_0>`, `<extra_id_1>`, …; mT5's are ordinary pieces. May be empty.

    ByT5's tokenizer has such tokens too, but the model was pre-trained with others.
    """
    if isinstance(tokenizer, ByT5Tokenizer):
        return []
    vocabulary = tokenizer.get_vocab()
    ids: list[int] = []
    while True:
        token = f"<extra_id_{len(ids)}>"
        number = vocabulary.get(token, vocabulary.get(f"▁{token}"))
        if number is None:
            return ids
        ids.append(number)


@contextmanager
def marked_as(tokenizer: PreTrainedTokenizerBase, language: str) -> Iterator[bool]:
    """Have a tokenizer mark text as of a language meanwhile, where it has codes for languages, as mBART's has.

    Args:
        tokenizer: what it marks text as by itself is left as it was afterwards.
        language: canonical code.

    Yields:
        False if it has codes, but none for this language.
    """
    if not hasattr(tokenizer, "src_lang"):
        yield True
        return
    default, code = tokenizer.src_lang, _language_code(tokenizer, language)
    try:
        tokenizer.src_lang = code or default
        yield code is not None
    finally:
        tokenizer.src_lang = default


def _language_code(tokenizer: PreTrainedTokenizerBase, language: str) -> str | None:
    for token in tokenizer.all_special_tokens:
        code = token.strip("_")  # M2M100's are __fi__
        if identify_or_none(code) == language:
            return code
    return None
