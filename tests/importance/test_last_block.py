"""Of a masked language model's last block, only the keys and values are computed where nothing is predicted."""

import pytest
import torch
from conftest import tiny_xlmr
from torch import nn

from xsns_hf.importance import last_block
from xsns_hf.importance.fisher import ExactFisher
from xsns_hf.importance.hooks import forward_hooks
from xsns_hf.models.body import OwnHead, body_of
from xsns_hf.models.objectives import IGNORED

OWN = ("attention.self.query", "attention.output.dense", "intermediate.dense", "output.dense")


def a_batch(examples: int, tokens: int, step: int) -> dict[str, torch.Tensor]:
    """Return random examples of which every so manyth token is predicted; the second half is padded."""
    ids = torch.randint(5, 300, (examples, tokens), generator=torch.Generator().manual_seed(0))
    attended = torch.ones_like(ids)
    attended[examples // 2 :, -2:] = 0
    places = torch.arange(tokens) % step == 0
    labels = torch.where(places & attended.bool(), ids, IGNORED)
    return {"input_ids": torch.where(attended.bool(), ids, 1), "attention_mask": attended, "labels": labels}


def rows_multiplied(model, batch: dict[str, torch.Tensor]) -> tuple[ExactFisher, dict[str, int]]:
    """Add a batch, and return of how many rows each linear layer multiplied."""
    fisher, rows = ExactFisher(body_of(model)), {}
    names = {module: name for name, module in fisher.body.named_modules() if isinstance(module, nn.Linear)}

    def note(module, arguments, _keywords, _output):
        rows[names[module]] = arguments[0].shape[:-1].numel()  # the last call's, which is the batch itself

    with forward_hooks(names, note):
        fisher.add(**batch, head=OwnHead(model))
    return fisher, rows


def test_the_last_block_multiplies_predicted_rows_only_and_the_sums_are_the_same(monkeypatch):
    model, batch = tiny_xlmr(), a_batch(8, 30, 6)
    predicted = int((batch["labels"] != IGNORED).sum())
    assert predicted >= last_block.FEWEST_ROWS
    fisher, rows = rows_multiplied(model, batch)
    few = {name for name, number in rows.items() if number == predicted}
    assert few == {f"encoder.layer.1.{name}" for name in OWN}
    assert {number for name, number in rows.items() if name.startswith("encoder") and name not in few} == {8 * 30}
    monkeypatch.setattr(last_block, "FEWEST_ROWS", 1 << 30)
    whole, rows = rows_multiplied(model, batch)
    assert {number for name, number in rows.items() if name.startswith("encoder")} == {8 * 30}
    torch.testing.assert_close(fisher.sums, whole.sums, rtol=1e-5, atol=1e-9 * float(whole.sums.max()))


@pytest.mark.parametrize(("examples", "step"), [(2, 6), (8, 1)], ids=["too few", "all of them"])
def test_nothing_is_left_out_where_it_is_not_worth_it(examples, step):
    batch = a_batch(examples, 30, step)
    _, rows = rows_multiplied(tiny_xlmr(), batch)
    assert {number for name, number in rows.items() if name.startswith("encoder")} == {examples * 30}


def test_layers_are_told_by_what_depends_on_them_whatever_their_weights():
    model = tiny_xlmr()
    attention = model.base_model.encoder.layer[1].attention
    attention.output.dense.weight.data.zero_()  # so that no gradient comes to values and keys
    fisher = ExactFisher(model.base_model)
    fisher.add(**a_batch(2, 9, 3), head=OwnHead(model))
    names = {module: name for name, module in model.base_model.named_modules()}
    inputs = {name: values for name, values in a_batch(1, 3, 1).items() if name != "labels"}
    found = last_block.layers_for_own_position(fisher.body, fisher._layers, inputs)
    assert [names[module] for module in found] == [f"encoder.layer.1.{name}" for name in OWN]
