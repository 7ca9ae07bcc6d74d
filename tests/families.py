"""Tiny random models of many families, as `from_pretrained` loads them: what they are, and how large their blocks."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from conftest import randomised, tiny_tokenizer
from tokenizers import Tokenizer
from transformers import PretrainedConfig, PreTrainedTokenizerFast

H, FFN, LAYERS, HEADS, VOCABULARY = 32, 48, 2, 4, 300

IDS = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "vocab_size": VOCABULARY}
USUAL = {"hidden_size": H, "intermediate_size": FFN, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS}
HALF = {"num_key_value_heads": 2}
"""Grouped attention: half as many keys and values as queries."""
BART = {"d_model": H, "max_position_embeddings": 140}
BART |= {f"{stack}_layers": LAYERS for stack in ("encoder", "decoder")}
BART |= {f"{stack}_attention_heads": HEADS for stack in ("encoder", "decoder")}
BART |= {f"{stack}_ffn_dim": FFN for stack in ("encoder", "decoder")}
T5 = {"d_model": H, "d_kv": 8, "d_ff": FFN, "num_layers": LAYERS, "num_heads": HEADS, "decoder_start_token_id": 1}
POSITIONS = {"max_position_embeddings": 140}

BERT_BLOCK = 4 * (H * H + H) + 2 * H * FFN + FFN + H + 4 * H
"""Four matrices of attention and two of the feed-forward layer with biases, and two LayerNorms."""
GATED_BLOCK = 4 * H * H + 3 * H * FFN + 2 * H
"""Without biases, with a gated feed-forward layer."""
LLAMA_BLOCK = 2 * H * H + 2 * H * H // 2 + 3 * H * FFN + 2 * H
T5_ENCODER, T5_DECODER = (2 * attentions * 2 * H * H + 3 * H * FFN + (attentions + 1) * H for attentions in (1, 2))
BART_DECODER = BERT_BLOCK + 4 * (H * H + H) + 2 * H


@dataclass(frozen=True)
class Family:
    """A model shape.

    Attributes:
        config: its class.
        model: the class of the language model.
        objective: what it is pre-trained with.
        fields: of the configuration.
        size: number of block parameters.
        by_autograd: end of the names of the tensors that no formula covers.
    """

    config: str
    model: str
    objective: str
    fields: Mapping[str, Any]
    size: int
    by_autograd: tuple[str, ...] = ()


def _encoder(prefix: str, size: int = LAYERS * BERT_BLOCK, by_autograd: tuple[str, ...] = (), **fields: Any) -> Family:
    fields = USUAL | IDS | POSITIONS | fields
    return Family(f"{prefix}Config", f"{prefix}ForMaskedLM", "mlm", fields, size, by_autograd)


def _decoder(prefix: str, size: int = LAYERS * LLAMA_BLOCK, by_autograd: tuple[str, ...] = (), **fields: Any) -> Family:
    fields = USUAL | IDS | HALF | fields
    return Family(f"{prefix}Config", f"{prefix}ForCausalLM", "clm", fields, size, by_autograd)


def _seq2seq(prefix: str, objective: str, size: int, by_autograd: tuple[str, ...] = (), **fields: Any) -> Family:
    model = f"{prefix}ForConditionalGeneration"
    return Family(f"{prefix}Config", model, objective, IDS | fields, size, by_autograd)


DEBERTA = ("query_proj.weight", "query_proj.bias", "key_proj.weight", "key_proj.bias")
"""Its relative positions run through these too, those of all examples together."""
EXPERT_BLOCK = LLAMA_BLOCK + 3 * 3 * H * FFN + 4 * H
"""Three more experts, and what routes tokens to the four of them."""
EXPERTS = ("experts.gate_up_proj", "experts.down_proj", "gate.weight")
SWITCH_EXPERTS = tuple(f"expert_{number}.{name}.weight" for number in range(4) for name in ("wi", "wo"))
LLAMA4_EXPERTS = ("experts.gate_up_proj", "experts.down_proj", "router.weight")
LLAMA4_EXPERTS += tuple(f"shared_expert.{name}_proj.weight" for name in ("gate", "up", "down"))
OPT = ("fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias", "final_layer_norm.weight", "final_layer_norm.bias")
FAMILIES: dict[str, Family] = {
    "xlm-r": _encoder("XLMRoberta"),
    "bert": _encoder("Bert"),
    "electra": _encoder("Electra", embedding_size=16),
    "rembert": _encoder("RemBert", input_embedding_size=16, output_embedding_size=24),
    "albert": _encoder("Albert", size=BERT_BLOCK, embedding_size=16),  # one block, used twice
    # The first block has no norm before attention.
    "modernbert": _encoder("ModernBert", LAYERS * GATED_BLOCK - H, cls_token_id=0, sep_token_id=2),
    "eurobert": _encoder("EuroBert", LAYERS * GATED_BLOCK),
    "deberta-v2": _encoder(
        "DebertaV2", relative_attention=True, pos_att_type=["p2c", "c2p"], share_att_key=True, position_buckets=8,
        norm_rel_ebd="layer_norm", position_biased_input=False, type_vocab_size=0, by_autograd=DEBERTA,
    ),
    # Tokens are mixed by a Fourier transform, padding too: sentences go alone.
    "fnet": _encoder("FNet", LAYERS * (2 * H * FFN + FFN + H + 4 * H)),
    # Two blocks of encoder and one of decoder, whose attention has loose parameters.
    "funnel": Family(
        "FunnelConfig", "FunnelForMaskedLM", "mlm",
        IDS | {"block_sizes": [1, 1], "num_decoder_layers": 1, "d_model": H, "n_head": HEADS, "d_head": 8,
               "d_inner": FFN},
        3 * (5 * H * H + 2 * H * FFN + FFN + 13 * H), ("r_w_bias", "r_r_bias", "r_kernel", "r_s_bias", "seg_embed"),
    ),
    "xlm": Family(
        "XLMConfig", "XLMWithLMHeadModel", "mlm",
        {"emb_dim": H, "n_layers": LAYERS, "n_heads": HEADS, "max_position_embeddings": 140, "n_langs": 1,
         "vocab_size": VOCABULARY, "pad_token_id": 1, "bos_index": 0, "eos_index": 2, "pad_index": 1, "unk_index": 3},
        LAYERS * (4 * (H * H + H) + 8 * H * H + 5 * H + 4 * H),
    ),
    "mt5": _seq2seq("MT5", "span", LAYERS * (T5_ENCODER + T5_DECODER), **T5),
    "umt5": _seq2seq("UMT5", "span", LAYERS * (T5_ENCODER + T5_DECODER), **T5),
    "switch": _seq2seq(
        "SwitchTransformers", "span", LAYERS * (12 * H * H + 5 * H + 10 * H * FFN + 4 * H), SWITCH_EXPERTS,
        **T5, num_decoder_layers=LAYERS, num_experts=4, num_sparse_encoder_layers=1, num_sparse_decoder_layers=1,
    ),
    # mBART's decoder begins with the last token of the sentence, the language's code.
    "mbart": _seq2seq("MBart", "infilling", LAYERS * (BERT_BLOCK + BART_DECODER), **BART, decoder_start_token_id=None),
    "bart": _seq2seq("Bart", "infilling", LAYERS * (BERT_BLOCK + BART_DECODER), **BART, decoder_start_token_id=2),
    "gpt2": Family(
        "GPT2Config", "GPT2LMHeadModel", "clm", IDS | {"n_embd": H, "n_layer": LAYERS, "n_head": HEADS, "n_inner": FFN},
        LAYERS * BERT_BLOCK,
    ),
    # The feed-forward layer sees the tokens of all sentences in one row.
    "opt": Family(
        "OPTConfig", "OPTForCausalLM", "clm",
        IDS | POSITIONS | {"hidden_size": H, "ffn_dim": FFN, "num_hidden_layers": LAYERS,
                           "num_attention_heads": HEADS, "word_embed_proj_dim": H},
        LAYERS * BERT_BLOCK, OPT,
    ),
    "ctrl": Family(
        "CTRLConfig", "CTRLLMHeadModel", "clm",
        {"vocab_size": VOCABULARY, "n_embd": H, "n_layer": LAYERS, "n_head": HEADS, "dff": FFN}, LAYERS * BERT_BLOCK,
    ),
    "bert-decoder": Family(
        "BertConfig", "BertLMHeadModel", "clm", USUAL | IDS | POSITIONS | {"is_decoder": True}, LAYERS * BERT_BLOCK
    ),
    "xglm": Family(
        "XGLMConfig", "XGLMForCausalLM", "clm",
        IDS | {"d_model": H, "num_layers": LAYERS, "attention_heads": HEADS, "ffn_dim": FFN}, LAYERS * BERT_BLOCK,
    ),
    "bloom": Family(
        "BloomConfig", "BloomForCausalLM", "clm", IDS | {"hidden_size": H, "n_layer": LAYERS, "n_head": HEADS},
        LAYERS * (4 * (H * H + H) + 8 * H * H + 5 * H + 4 * H),
    ),
    "gpt-neox": Family(
        "GPTNeoXConfig", "GPTNeoXForCausalLM", "clm", IDS | USUAL, LAYERS * BERT_BLOCK
    ),
    "llama": _decoder("Llama"),
    "qwen2": _decoder("Qwen2", LAYERS * (LLAMA_BLOCK + 2 * H)),
    "qwen3": _decoder("Qwen3", LAYERS * (LLAMA_BLOCK + 16), head_dim=8),
    "gemma2": _decoder("Gemma2", LAYERS * (LLAMA_BLOCK + 2 * H), head_dim=8, query_pre_attn_scalar=8),
    "gemma3": Family(
        "Gemma3TextConfig", "Gemma3ForCausalLM", "clm",
        USUAL | IDS | HALF | {"head_dim": 8, "query_pre_attn_scalar": 8},
        LAYERS * (LLAMA_BLOCK + 2 * H + 16),
    ),
    "phi3": _decoder("Phi3"),  # queries, keys and values in one matrix, gate and value in another
    "mixtral": _decoder("Mixtral", LAYERS * EXPERT_BLOCK, EXPERTS, num_local_experts=4, num_experts_per_tok=2),
    "llama4": Family(
        "Llama4TextConfig", "Llama4ForCausalLM", "clm",
        USUAL | IDS | HALF | {"num_local_experts": 4, "head_dim": 8, "intermediate_size_mlp": FFN},
        LAYERS * (EXPERT_BLOCK + 3 * H * FFN), LLAMA4_EXPERTS,
    ),
    "olmoe": _decoder(
        "Olmoe", LAYERS * (EXPERT_BLOCK + H + H // 2), EXPERTS, num_experts=4, num_experts_per_tok=2,
    ),
}  # fmt: skip


def config_of(family: Family) -> PretrainedConfig:
    return getattr(transformers, family.config)(**family.fields)


def random_model(name: str) -> Any:
    """Return the language model of a family with random weights, its own and no others."""
    torch.manual_seed(0)
    family = FAMILIES[name]
    model = randomised(getattr(transformers, family.model)(config_of(family)))
    with torch.no_grad():
        for parameter in model.parameters():  # some families begin with weights of zero
            if parameter.ndim > 1:
                parameter.add_(torch.randn_like(parameter) * 0.05)
    return model


def save(name: str, folder: Path) -> Path:
    """Save a family's random model with a tokenizer that has what its objective needs."""
    random_model(name).save_pretrained(folder)
    tokenizer = with_sentinels() if FAMILIES[name].objective == "span" else tiny_tokenizer()
    tokenizer.save_pretrained(folder)
    return folder


def with_sentinels(number: int = 20) -> PreTrainedTokenizerFast:
    """Return the tiny tokenizer with sentinels in place of its mask token and its last pieces."""
    state = json.loads(tiny_tokenizer().backend_tokenizer.to_str())
    vocabulary = state["model"]["vocab"]
    state["model"]["vocab"] = {piece: at for piece, at in vocabulary.items() if at < VOCABULARY - number}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(state)),
        bos_token="<s>",
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=128,
    )
    tokenizer.add_special_tokens({"additional_special_tokens": [f"<extra_id_{each}>" for each in range(number)]})
    return tokenizer
