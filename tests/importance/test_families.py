"""Every model family: its objective, its blocks, and the Fisher information of the plainest loop there is."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import randomised, tiny_tokenizer
from datasets import load_dataset
from families import DEBERTA, FAMILIES, random_model, save, with_sentinels
from peft import LoraConfig, PromptTuningConfig, get_peft_model
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    BartConfig,
    BartForCausalLM,
    BertConfig,
    BertLMHeadModel,
    ByT5Tokenizer,
    CLIPConfig,
    CLIPModel,
    M2M100Config,
    M2M100ForConditionalGeneration,
    MBartTokenizer,
    MT5Config,
    MT5EncoderModel,
    ReformerConfig,
    ReformerForMaskedLM,
    ViTConfig,
    ViTModel,
    Wav2Vec2Config,
    Wav2Vec2Model,
    WhisperConfig,
    WhisperForConditionalGeneration,
    XLMConfig,
    XLMWithLMHeadModel,
    XLNetConfig,
    XLNetLMHeadModel,
    XmodConfig,
    XmodForMaskedLM,
)

from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.errors import XsnsError
from xsns_hf.extraction.batches import batches, collate
from xsns_hf.extraction.examples import text_examples
from xsns_hf.importance import last_block
from xsns_hf.importance.fisher import ExactFisher
from xsns_hf.models import finding as pretrained
from xsns_hf.models.blocks import block_parameters, layout_of
from xsns_hf.models.body import OwnHead, body_of
from xsns_hf.models.finding import load_tokenizer
from xsns_hf.models.kinds import marked_as, sentinels
from xsns_hf.models.loading import load_checkpoint
from xsns_hf.models.objectives import IGNORED, Encoded
from xsns_hf.recipe import Recipe
from xsns_hf.text.folder import sample_corpus
from xsns_hf.transfer.models import find_task_model

EXAMPLES = 5
LORA = LoraConfig(r=4, target_modules=["query", "value"], lora_alpha=8)
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def few_rows_are_enough(monkeypatch):
    """Have the last block computed at predicted positions only where these are as few as in the examples here."""
    monkeypatch.setattr(last_block, "FEWEST_ROWS", 1)


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory):
    """Save each family once."""
    saved: dict[str, Path] = {}

    def get(name: str) -> Path:
        if name not in saved:
            saved[name] = save(name, tmp_path_factory.mktemp("families") / f"tiny-{name}")
        return saved[name]

    return get


def examples_of(checkpoint, number: int = EXAMPLES) -> list[Encoded]:
    recipe = Recipe("tiny", "r", "pretrained", "sample", checkpoint.objective, examples=number)
    return text_examples(checkpoint, sample_corpus(), recipe, "fin", 0)


def measured(checkpoint, examples: list[Encoded], **options) -> tuple[ExactFisher, list[float]]:
    fisher = ExactFisher(checkpoint.body, **options)
    losses: list[float] = []
    for _, batch in batches(examples, fisher.layout, CPU, alone=not checkpoint.batched):
        losses += fisher.add(**collate(batch, 1, CPU), head=checkpoint.head).tolist()
    return fisher, losses


def own_loss(model, example: Encoded, objective: str) -> torch.Tensor:
    """Return the loss that transformers itself gives an example, alone and without padding.

    It makes an encoder–decoder's input of the labels itself, and shifts a decoder's labels itself.
    """
    labels = torch.tensor(example.labels)[None]
    if objective == "clm":
        labels = torch.cat([torch.tensor([[IGNORED]]), labels[:, :-1]], dim=1)
    return model(input_ids=torch.tensor(example.tokens)[None], labels=labels).loss


def naive(model, examples: list[Encoded], objective: str, stacks: str = "both") -> dict[str, torch.Tensor]:
    parameters = block_parameters(body_of(model), stacks)
    for parameter in parameters.values():
        parameter.requires_grad_(True)
    sums = {name: torch.zeros_like(parameter) for name, parameter in parameters.items()}
    for example in examples:
        loss = own_loss(model, example, objective)
        for name, gradient in zip(
            parameters, torch.autograd.grad(loss, list(parameters.values()), allow_unused=True), strict=True
        ):
            if gradient is not None:
                sums[name] += gradient**2
    return sums


def assert_same(fisher: ExactFisher, expected: dict[str, torch.Tensor]) -> None:
    assert [tensor.name for tensor in fisher.layout.tensors] == list(expected)
    largest = max(float(each.max()) for each in expected.values())
    for tensor in fisher.layout.tensors:
        ours, theirs = fisher.sums[tensor.span].view(tensor.shape), expected[tensor.name]
        # A key's bias has no gradient in theory (a constant added to all scores), rounding noise in practice.
        atol = max(1e-6 * float(theirs.max()), 1e-11 * largest)
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=atol, msg=lambda text, of=tensor.name: f"{of}: {text}")


@pytest.mark.thorough
@pytest.mark.parametrize("name", FAMILIES)
def test_the_fisher_information_is_that_of_one_example_at_a_time(name, folder_of):
    family = FAMILIES[name]
    checkpoint = load_checkpoint(str(folder_of(name)))
    assert checkpoint.objective == family.objective
    assert layout_of(checkpoint.body).size == family.size
    examples = examples_of(checkpoint)
    assert len({example.length for example in examples}) > 1  # so that there is padding
    fisher, losses = measured(checkpoint, examples)
    assert fisher.count == EXAMPLES
    by_autograd = [tensor.name for tensor in fisher.layout.tensors if tensor.name.endswith(family.by_autograd or "…")]
    assert fisher.by_autograd == by_autograd
    model = random_model(name)
    with torch.no_grad():
        longest_first = sorted(examples, key=lambda example: example.length, reverse=True)
        expected = [float(own_loss(model, example, family.objective)) for example in longest_first]
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    assert_same(fisher, naive(model, examples, family.objective))


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["mt5", "mbart"])
def test_encoder_and_decoder_can_be_taken_alone(name, folder_of):
    checkpoint = load_checkpoint(str(folder_of(name)))
    examples, sizes = examples_of(checkpoint), {}
    for stacks in ("encoder", "decoder"):
        fisher, _ = measured(checkpoint, examples, stacks=stacks)
        assert all(f"{stacks}." in tensor.name for tensor in fisher.layout.tensors)
        assert_same(fisher, naive(random_model(name), examples, checkpoint.objective, stacks))
        sizes[stacks] = fisher.layout.size
    assert sum(sizes.values()) == FAMILIES[name].size and sizes["encoder"] < sizes["decoder"]


def test_a_model_of_one_stack_has_no_encoder_alone(folder_of):
    with pytest.raises(XsnsError, match="XLMRobertaModel has one stack of blocks"):
        layout_of(load_checkpoint(str(folder_of("xlm-r"))).body, "encoder")


OUTSIDE = ("embed", "shared", "wte", "wpe", "norm", "ln_f", "project", "mapping", "pooler")
"""What a body's parameters outside of the blocks are called: tables, norms and what widens or narrows embeddings."""


@pytest.mark.thorough
@pytest.mark.parametrize("name", FAMILIES)
def test_embeddings_heads_and_last_norms_are_in_no_layout(name):
    body = body_of(random_model(name))
    inside = set(block_parameters(body).values())
    modules = [module for module in body.modules() if isinstance(module, nn.Embedding)]
    tables = {parameter for module in modules for parameter in module.parameters()}
    assert tables and tables.isdisjoint(inside)
    outside = {each for each, parameter in body.named_parameters() if parameter not in inside | tables}
    assert all(any(word in each.lower() for word in OUTSIDE) for each in outside)


@pytest.mark.thorough
def test_lora_adapters_on_a_frozen_base_are_part_of_the_blocks(folder_of, tmp_path):
    base = folder_of("xlm-r")
    wrapped = get_peft_model(AutoModelForMaskedLM.from_pretrained(base), LORA)
    with torch.no_grad():
        for name, parameter in wrapped.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0, 0.05)
    wrapped.save_pretrained(tmp_path / "adapter")
    checkpoint = load_checkpoint(str(tmp_path / "adapter"))
    plain = load_checkpoint(str(base))
    assert checkpoint.revision.startswith(f"{plain.revision}-") and checkpoint.objective == "mlm"
    examples = examples_of(checkpoint)
    fisher, _ = measured(checkpoint, examples)
    assert fisher.by_autograd == []
    assert fisher.layout.size == FAMILIES["xlm-r"].size + 2 * 2 * 2 * 4 * 32
    assert_same(fisher, naive(wrapped.eval().base_model.model, examples, "mlm"))


def test_relative_positions_that_all_examples_share_go_by_autograd(folder_of):
    """DeBERTa runs its relative positions through the same matrices as its tokens."""
    checkpoint = load_checkpoint(str(folder_of("deberta-v2")))
    fisher, _ = measured(checkpoint, examples_of(checkpoint))
    assert {name.rpartition(".attention.self.")[2] for name in fisher.by_autograd} == set(DEBERTA)


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["mt5", "bloom", "mixtral"])
def test_from_extraction_to_ranking(name, folder_of, text, tmp_path, xsns):
    out, model = tmp_path / "masks", folder_of(name)
    extract = ["extract", "--model", model, "--text", text, "--examples", "12", "--seeds", "2", "--processes", "1"]
    code, output, errors = xsns(*extract, "--out", out)
    assert code == 0, errors
    family = FAMILIES[name]
    recipe = f"text-{family.objective}-pretrained-n12-p0.15-capped"
    if family.by_autograd:
        assert "by autograd, one sentence at a time" in output and "experts.gate_up_proj" in output
    else:
        assert f"Gradients of all {len(MaskRepository(out).layout().tensors)} tensors by formula" in output
    masks = load_dataset(str(out), f"{recipe}.fin", split="train")
    selected = sum(count for count, seed in zip(masks["n_selected"], masks["seed"], strict=True) if seed == 0)
    assert selected == round(0.15 * family.size)
    code, output, _ = xsns("rank", "fin", "--masks", out)
    assert code == 0 and "Sources for Finnish" in output and recipe in output


@pytest.mark.thorough
@pytest.mark.parametrize("fisher", ["released", "gradient", pytest.param("snip", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["mbart", pytest.param("olmoe", marks=pytest.mark.slow)])
def test_other_importances_are_there_for_every_family(name, fisher, folder_of, text, tmp_path, xsns):
    extract = ["extract", "--model", folder_of(name), "--text", text, "--examples", "8", "--seeds", "1"]
    code, output, errors = xsns(*extract, "--processes", "1", "--importance", fisher, "--out", tmp_path / "masks")
    assert code == 0, errors
    assert ("by autograd" in output) == (fisher == "released" or name == "olmoe")
    assert MaskRepository(tmp_path / "masks").layout().size == FAMILIES[name].size


class Fickle(nn.Linear):
    """Called by itself again where a sentence is long, which no small batch shows."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        output = super().forward(inputs)
        return output + super().__call__(inputs[:, :6]).sum() if inputs.shape[1] == 30 else output


def test_a_layer_that_is_called_otherwise_later_is_never_taken_for_what_it_was():
    model = random_model("xlm-r")
    layer = model.base_model.encoder.layer[0].attention.output
    fickle = Fickle(32, 32)
    fickle.load_state_dict(layer.dense.state_dict())
    layer.dense = fickle
    fisher = ExactFisher(body_of(model))
    short, long = (Encoded(np.arange(5, 5 + size), np.arange(5, 5 + size)) for size in (12, 30))
    fisher.add(**collate([short], 1, CPU), head=OwnHead(model))
    assert fisher.by_autograd == []
    with pytest.raises(XsnsError, match=r"\(Fickle\) isn't called for every batch in the same way"):
        fisher.add(**collate([long], 1, CPU), head=OwnHead(model))


@pytest.mark.slow
def test_two_processes_make_the_masks_of_one(folder_of, text, tmp_path, xsns, monkeypatch):
    from xsns_hf.cli import launching
    from xsns_hf.masks.similarity import jaccard

    extract = ["extract", "--model", folder_of("mt5"), "--text", text, "--languages", "fin", "--examples", "14"]
    extract += ["--seeds", "1", "--stacks", "encoder", "--out"]
    assert xsns(*extract, tmp_path / "one", "--processes", "1")[0] == 0
    assert launching.run([str(each) for each in (*extract, tmp_path / "two")], 2) == 0
    recipe = "text-span-pretrained-n14-p0.15-capped-encoder"
    one, two = (MaskRepository(tmp_path / each).subnetwork(recipe, "fin", 0) for each in ("one", "two"))
    assert jaccard(one, two) >= 0.9995


@pytest.mark.thorough
def test_labels_of_a_pair_are_at_the_last_token_of_a_decoder(folder_of, tmp_path, xsns):
    text = tmp_path / "pairs"
    text.mkdir()
    for code in ("eng", "fin"):
        rows = [f'{{"premise": "a b {each}", "hypothesis": "c d", "label": {each % 3}}}' for each in range(8)]
        (text / f"{code}.jsonl").write_text("\n".join(rows), encoding="utf-8")
    extract = ["extract", "--text", text, "--examples", "8", "--seeds", "1", "--processes", "1"]
    extract += ["--objective", "pair-classification"]
    code, output, errors = xsns(*extract, "--model", folder_of("llama"), "--out", tmp_path / "masks")
    # The first token attends to itself only, so that its queries and keys would have no gradient at all.
    assert code == 0 and "No sentence reached" not in output, errors
    code, _, errors = xsns(*extract, "--model", folder_of("mt5"), "--out", tmp_path / "others")
    assert code == 2 and "has an encoder and a decoder, for which there is no random head" in errors


@pytest.mark.parametrize(
    ("name", "objective", "reason"),
    [
        ("xlm-r", "span", "no language model of that kind in transformers"),
        ("llama", "mlm", "no language model of that kind in transformers"),
        ("mt5", "infilling", "no mask token"),
        ("bart", "span", "no sentinels"),
        ("bart", "mlm", "both an encoder and a decoder"),
        ("bert", "clm", "tokens that see those after them.*a decoder, such as BLOOM"),
        ("bert-decoder", "mlm", "tokens that see those before them only"),
    ],
)
def test_an_objective_that_does_not_fit_is_refused(name, objective, reason, folder_of):
    with pytest.raises(XsnsError, match=reason):
        load_checkpoint(str(folder_of(name)), objective=objective)


def test_an_objective_can_be_chosen_where_a_model_has_what_several_need(folder_of, tmp_path):
    shutil.copytree(folder_of("bart"), tmp_path / "both")
    tokenizer = with_sentinels()
    tokenizer.add_special_tokens({"mask_token": "<mask>"})
    tokenizer.save_pretrained(tmp_path / "both")
    assert load_checkpoint(str(tmp_path / "both")).objective == "span"
    checkpoint = load_checkpoint(str(tmp_path / "both"), objective="infilling")
    example = examples_of(checkpoint)[0]
    assert len(example.labels) > len(example.tokens) and tokenizer.mask_token_id in example.tokens


def test_options_that_say_nothing_are_refused(folder_of, text, tmp_path, xsns):
    extract = [
        "extract",
        "--text",
        text,
        "--examples",
        "4",
        "--seeds",
        "1",
        "--processes",
        "1",
        "--out",
        tmp_path / "m",
    ]
    code, _, errors = xsns(*extract, "--model", folder_of("llama"), "--masking", "0.2")
    assert code == 2 and "The objective clm masks no tokens" in errors
    code, _, errors = xsns(*extract, "--model", folder_of("llama"), "--stacks", "encoder")
    assert code == 2 and "LlamaModel has one stack of blocks" in errors
    code, _, errors = xsns(*extract, "--model", folder_of("mt5"), "--importance", "activation")
    assert code == 2 and "an encoder and a decoder, whose neurons see different tokens" in errors
    code, _, errors = xsns(*extract, "--model", folder_of("llama"), "--head", "fitted")
    assert code == 2 and "Fitted heads predict masked tokens, not clm" in errors
    assert not (tmp_path / "m" / "index.parquet").exists()


@pytest.mark.thorough
@pytest.mark.parametrize("language", [None, "en_XX"])
def test_what_no_sentence_reaches_is_said_and_what_wants_more_than_text_is_refused(language, text, tmp_path, xsns):
    """X-MOD has an adapter for each language, and wants to know which to use."""
    fields = FAMILIES["xlm-r"].fields | {"languages": ["en_XX", "fi_FI"], "default_language": language}
    XmodForMaskedLM(XmodConfig(**fields)).save_pretrained(tmp_path / "xmod")
    tiny_tokenizer().save_pretrained(tmp_path / "xmod")
    extract = ["extract", "--model", tmp_path / "xmod", "--text", text, "--examples", "6", "--seeds", "1"]
    code, output, errors = xsns(*extract, "--processes", "1", "--out", tmp_path / "masks")
    if language is None:
        assert code == 2 and "XmodModel can't be run on text alone (Input language unknown" in errors
        assert not (tmp_path / "masks" / "index.parquet").exists()
    else:
        assert code == 0 and "No sentence reached 8 tensors (encoder.layer.0.output.adapter_modules.fi_FI" in output
        assert "in eng, fin, rus: they are in no mask of these." in output


VISION = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
SPEECH = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2}
SPEECH |= {"decoder_attention_heads": 2, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16, "vocab_size": 300}
SPEECH |= {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "decoder_start_token_id": 2}


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (lambda: ViTModel(ViTConfig(**VISION)), "a vit model, which takes pixel_values and no text"),
        (
            lambda: Wav2Vec2Model(Wav2Vec2Config(**VISION, conv_dim=[16], conv_kernel=[3], conv_stride=[2],
                                                 num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2)),
            "a wav2vec2 model, which takes input_values and no text",
        ),
        (
            lambda: WhisperForConditionalGeneration(WhisperConfig(**SPEECH)),
            "a whisper model, which takes input_features and no text",
        ),
        (
            lambda: CLIPModel(CLIPConfig(text_config=VISION, vision_config=VISION)),
            "a clip model, which takes more than text",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("head", [None, "random"])
def test_models_of_images_and_speech_are_refused(model, reason, head, tmp_path):
    model().save_pretrained(tmp_path / "other")
    tiny_tokenizer().save_pretrained(tmp_path / "other")
    with pytest.raises(XsnsError, match=reason):
        load_checkpoint(str(tmp_path / "other"), head=head)


@pytest.mark.parametrize("head", ["pretrained", "tied"])
def test_weights_are_never_made_up(head, folder_of, tmp_path):
    folder = tmp_path / "half"
    shutil.copytree(folder_of("mt5"), folder)
    weights = load_file(folder / "model.safetensors")
    kept = {name: each for name, each in weights.items() if not name.startswith("decoder.block.1.")}
    assert len(kept) < len(weights)
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(XsnsError, match=r"half lacks weights of its body in .* \(decoder\.block\.1"):
        load_checkpoint(str(folder), head=head)


def test_the_encoder_of_an_encoder_decoder_by_itself_is_refused(folder_of, tmp_path):
    MT5EncoderModel(MT5Config(**FAMILIES["mt5"].fields)).save_pretrained(tmp_path / "half")
    load_checkpoint(str(folder_of("mt5"))).tokenizer.save_pretrained(tmp_path / "half")
    with pytest.raises(XsnsError, match="mt5 model with no language model of that kind in transformers"):
        load_checkpoint(str(tmp_path / "half"), head="tied")


def test_quantized_weights_are_refused():
    body = body_of(random_model("xlm-r"))
    layer = body.encoder.layer[0].output.dense
    layer.weight = nn.Parameter(torch.zeros(32, 48, dtype=torch.int8), requires_grad=False)
    with pytest.raises(XsnsError, match="quantized weights"):
        block_parameters(body)


@pytest.fixture
def mbart_tokenizer() -> MBartTokenizer:
    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁a", -1.0), ("▁b", -2.0)]
    return MBartTokenizer(vocab=pieces, src_lang="en_XX")


def test_text_is_marked_with_its_language_where_a_tokenizer_has_codes(mbart_tokenizer):
    with marked_as(mbart_tokenizer, "fin") as known:
        assert known
        assert mbart_tokenizer.convert_ids_to_tokens(mbart_tokenizer("a b")["input_ids"])[-1] == "fi_FI"
    with marked_as(mbart_tokenizer, "eus") as known:
        assert not known and mbart_tokenizer.src_lang == "en_XX", "whatever language came before"
    with marked_as(tiny_tokenizer(), "swh") as known:
        assert known  # since there are no codes


def test_a_language_without_a_code_is_said(folder_of, mbart_tokenizer, caplog):
    checkpoint = replace(load_checkpoint(str(folder_of("mbart"))), tokenizer=mbart_tokenizer)
    recipe = Recipe("tiny", "r", "pretrained", "sample", "infilling", examples=4)
    text_examples(checkpoint, sample_corpus(), recipe, "wol", 0)
    assert "tiny-mbart has no code for Wolof (wol): its text is marked as en_XX." in caplog.text


def test_an_adapter_on_a_base_without_a_head_is_refused_as_the_base_is(headless, tmp_path):
    wrapped = get_peft_model(AutoModelForMaskedLM.from_pretrained(headless), LORA)
    wrapped.save_pretrained(tmp_path / "adapter")
    with pytest.raises(XsnsError, match="adapter ships no language-model head"):
        load_checkpoint(str(tmp_path / "adapter"))
    assert load_checkpoint(str(tmp_path / "adapter"), head="tied").head_name == "tied"
    assert load_tokenizer(str(tmp_path / "adapter")).mask_token == "<mask>"
    with pytest.raises(XsnsError, match="is an adapter, which is trained for its task already"):
        find_task_model(str(tmp_path / "adapter"))


def test_an_adapter_of_which_weights_would_be_made_up_is_refused(folder_of, tmp_path):
    base, adapter = AutoModelForMaskedLM.from_pretrained(folder_of("xlm-r")), tmp_path / "adapter"
    get_peft_model(base, LoraConfig(r=4, target_modules=["query", "dense"])).save_pretrained(adapter)
    weights = load_file(adapter / "adapter_model.safetensors")
    for wrong in (
        {name: each for name, each in weights.items() if ".layer.1." not in name},
        {name.replace("roberta.", "bert."): each for name, each in weights.items()},
        weights | {name.replace(".layer.1.", ".layer.7."): each.clone() for name, each in weights.items()},
    ):
        save_file(wrong, adapter / "adapter_model.safetensors", {"format": "pt"})
        with pytest.raises(XsnsError, match=r"The adapter adapter can't be put on its base .* \(`merge_and_unload`\)"):
            load_checkpoint(str(adapter))
    # What a layer of the pooler or the head would get starts as nothing, and is none of the blocks' business.
    kept = {name: each for name, each in weights.items() if ".lm_head." not in name}
    save_file(kept, adapter / "adapter_model.safetensors", {"format": "pt"})
    assert {load_checkpoint(str(adapter), head=head).name for head in ("tied", "pretrained")} == {"adapter"}
    shutil.copy(folder_of("xlm-r") / "config.json", adapter)
    assert "-" in load_checkpoint(str(adapter)).revision, "an adapter also with the configuration of its base beside"
    (adapter / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "base_model_name_or_path": None}))
    with pytest.raises(XsnsError, match="doesn't say of which model it is"):
        load_checkpoint(str(adapter))


def test_a_learned_prompt_is_refused(folder_of, tmp_path):
    prompt = PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4)
    base = AutoModelForCausalLM.from_pretrained(folder_of("llama"))
    get_peft_model(base, prompt).save_pretrained(tmp_path / "prompt")
    with pytest.raises(XsnsError, match="prompt is a learned prompt, which leaves the blocks as they are: use its"):
        load_checkpoint(str(tmp_path / "prompt"))


@pytest.mark.thorough
def test_a_model_that_lets_padding_in_takes_each_sentence_alone(folder_of, text, tmp_path, xsns):
    extract = ["extract", "--text", text, "--examples", "8", "--seeds", "1", "--processes", "1", "--languages", "fin"]
    code, output, errors = xsns(*extract, "--model", folder_of("fnet"), "--out", tmp_path / "fnet")
    assert code == 0 and "Padding would change what this model makes of a sentence" in output, errors
    code, output, errors = xsns(*extract, "--model", folder_of("xlm-r"), "--out", tmp_path / "xlm-r")
    assert code == 0 and "Padding" not in output, errors
    assert not load_checkpoint(str(folder_of("fnet"))).batched
    assert all(load_checkpoint(str(folder_of(name))).batched for name in ("xlm-r", "bart", "mt5", "llama", "xlm"))


def test_a_decoder_of_a_pair_may_come_alone(tmp_path):
    """BART's class for it has a body that wraps the decoder, and layers that look at an encoder which isn't there."""
    fields = FAMILIES["bart"].fields | {"is_decoder": True, "is_encoder_decoder": False}
    randomised(BartForCausalLM(BartConfig(**fields))).save_pretrained(tmp_path / "decoder")
    tiny_tokenizer().save_pretrained(tmp_path / "decoder")
    checkpoint = load_checkpoint(str(tmp_path / "decoder"))
    assert checkpoint.objective == "clm"
    fisher, _ = measured(checkpoint, examples_of(checkpoint))
    reached = {tensor.name for tensor in fisher.layout.tensors if fisher.sums[tensor.span].any()}
    assert {tensor.name for tensor in fisher.layout.tensors} - reached == {
        tensor.name for tensor in fisher.layout.tensors if ".encoder_attn" in tensor.name
    }


REFORMER = {"hidden_size": 32, "num_attention_heads": 4, "attention_head_size": 8, "feed_forward_size": 48}
REFORMER |= {"attn_layers": ["local", "local"], "local_attn_chunk_length": 8, "chunk_size_lm_head": 0}
REFORMER |= {"axial_pos_embds": False, "max_position_embeddings": 140, "vocab_size": 300, "pad_token_id": 1}


def test_blocks_that_keep_no_gradients_are_refused(tmp_path):
    ReformerForMaskedLM(ReformerConfig(**REFORMER, is_decoder=False)).save_pretrained(tmp_path / "reversible")
    tiny_tokenizer().save_pretrained(tmp_path / "reversible")
    checkpoint = load_checkpoint(str(tmp_path / "reversible"))
    with pytest.raises(XsnsError, match="runs its blocks without keeping gradients"):
        measured(checkpoint, examples_of(checkpoint))


XLNET = {"vocab_size": 300, "d_model": 32, "n_layer": 1, "n_head": 4, "d_inner": 48}
TWO_SIDED = {
    "xlnet": lambda: XLNetLMHeadModel(XLNetConfig(**XLNET)),
    "bert": lambda: BertLMHeadModel(BertConfig(**FAMILIES["bert"].fields)),
}


@pytest.mark.parametrize("model", TWO_SIDED)
def test_a_model_that_sees_the_next_token_has_none_to_predict(model, tmp_path):
    TWO_SIDED[model]().save_pretrained(tmp_path / "both")
    tiny_tokenizer().save_pretrained(tmp_path / "both")
    with pytest.raises(XsnsError, match="model whose tokens see those after them, so there is nothing to predict"):
        load_checkpoint(str(tmp_path / "both"))


def test_what_a_model_was_pretrained_for_is_not_guessed(folder_of, tmp_path):
    fields = FAMILIES["bart"].fields
    M2M100ForConditionalGeneration(M2M100Config(**fields)).save_pretrained(tmp_path / "m2m")
    tiny_tokenizer().save_pretrained(tmp_path / "m2m")
    with pytest.raises(XsnsError, match="a m2m_100 model, was pre-trained to predict isn't known"):
        load_checkpoint(str(tmp_path / "m2m"))
    assert load_checkpoint(str(tmp_path / "m2m"), objective="infilling").objective == "infilling"
    assert sentinels(ByT5Tokenizer()) == []


def test_xlm_with_language_embeddings_is_refused(tmp_path):
    config = XLMConfig(**FAMILIES["xlm"].fields | {"n_langs": 2})
    XLMWithLMHeadModel(config).save_pretrained(tmp_path / "xlm")
    tiny_tokenizer().save_pretrained(tmp_path / "xlm")
    with pytest.raises(XsnsError, match="wants to be told each token's language"):
        load_checkpoint(str(tmp_path / "xlm"))


def test_a_quantized_checkpoint_is_refused(folder_of, tmp_path):
    """Of GPTQ's and AWQ's only the norms are parameters; a mask of these would look like one of the model."""
    shutil.copytree(folder_of("llama"), tmp_path / "quantized")
    config = json.loads((tmp_path / "quantized" / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "gptq", "bits": 4}
    (tmp_path / "quantized" / "config.json").write_text(json.dumps(config))
    with pytest.raises(XsnsError, match="quantized has quantized weights, which have no gradients"):
        load_checkpoint(str(tmp_path / "quantized"))


def test_a_model_that_does_not_fit_is_refused(folder_of, tmp_path, monkeypatch):
    """Weights that are fetched from disk for each pass leave no gradient behind."""
    places = {"model.embed_tokens": "cpu", "model.layers.0": "cpu", "model.layers.1": "disk", "model.norm": "cpu"}
    places |= {"model.rotary_emb": "cpu", "lm_head": "cpu"}
    monkeypatch.setitem(pretrained.WEIGHTS, "offload_folder", str(tmp_path))
    with pytest.raises(XsnsError, match="doesn't fit on the GPUs here"):
        load_checkpoint(str(folder_of("llama")), device_map=places)
