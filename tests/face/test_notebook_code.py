"""What a user types in a notebook: the code of the design's face, with each kind of text and of model."""

import datasets
import pytest
from transformers import AutoModelForMaskedLM, AutoTokenizer

from xsns_hf import MaskDataset, XsnsExtractor
from xsns_hf.text.folder import sample_corpus

pytestmark = pytest.mark.thorough


@pytest.fixture(scope="module")
def sentences() -> dict[str, list[str]]:
    return {code: sample_corpus().sentences(code)[:40] for code in ("fin", "deu", "swe")}


def rows(sentences: dict[str, list[str]]) -> datasets.Dataset:
    pairs = [(code, line) for code, lines in sentences.items() for line in lines]
    return datasets.Dataset.from_dict({"lang": [code for code, _ in pairs], "sentence": [line for _, line in pairs]})


def answers(masks: MaskDataset) -> dict:
    return masks.rank("Finnish", candidates=["deu", "swe"], top=3).to_dict()


def test_the_design_s_notebook_runs_as_written(hub, tiny, sentences, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    extractor = XsnsExtractor.from_pretrained(str(tiny), examples=16, density=0.15, seeds=3)
    masks = extractor.extract(sentences, out="masks")
    masks.push_to_hub("user/xlmr-masks")
    masks = MaskDataset.from_pretrained("user/xlmr-masks", revision="main")
    table = masks.rank("Finnish", candidates=["deu", "swe"], top=3).to_frame()
    assert set(table["language"]) == {"deu", "swe"}
    assert masks.rank("fin", task="pos").ordered_by == "similarity"  # three languages are too few to learn from
    assert masks.explain("fin", "deu").one == "fin"
    (tmp_path / "scores.csv").write_text("source,target,score\ndeu,fin,60\nswe,fin,70\nfin,swe,50\ndeu,swe,80\n")
    assert {"xsns", "random"} <= set(masks.evaluate("scores.csv").table.index)


def test_text_of_any_kind_gives_the_same_masks(tiny, sentences, tmp_path):
    folder = tmp_path / "text"
    folder.mkdir()
    for code, lines in sentences.items():
        (folder / f"{code}.txt").write_text("\n".join(lines), encoding="utf-8")
    by_split = {code: datasets.Dataset.from_dict({"text": lines}) for code, lines in sentences.items()}
    kinds = [sentences, rows(sentences), datasets.DatasetDict(by_split), str(folder), folder]
    extractor = XsnsExtractor.from_pretrained(tiny, examples=8, seeds=1)
    made = [extractor.extract(text, corpus_name="text") for text in kinds]
    assert len({(str(answers(masks)), str(masks.languages)) for masks in made}) == 1


def test_a_loaded_model_is_as_good_as_its_name(tiny, sentences):
    by_name = XsnsExtractor.from_pretrained(tiny, examples=8, seeds=2).extract(sentences)
    model, tokenizer = AutoModelForMaskedLM.from_pretrained(tiny), AutoTokenizer.from_pretrained(tiny)
    masks = XsnsExtractor.from_pretrained(model, tokenizer=tokenizer, examples=8, seeds=2).extract(sentences)
    assert answers(masks) == answers(by_name)
    assert all(parameter.requires_grad for parameter in model.parameters())  # it can be trained as before


def test_masks_in_a_temporary_folder_live_as_long_as_the_object(tiny, sentences):
    masks = XsnsExtractor.from_pretrained(tiny, examples=8, seeds=1).extract(sentences, languages=["Finnish", "de"])
    folder = masks.path
    assert masks.languages == ["deu", "fin"]
    assert folder.is_dir()
    del masks
    assert not folder.exists()


def test_what_is_there_is_kept(tiny, sentences, tmp_path, capsys):
    extractor = XsnsExtractor.from_pretrained(tiny, examples=8, seeds=1)
    first = extractor.extract(sentences, languages=["fin", "deu"], out=tmp_path / "masks")
    before = first.repository.index().set_index("language")["created"]
    second = extractor.extract(sentences, out=tmp_path / "masks")
    after = second.repository.index().set_index("language")["created"]
    assert after[["deu", "fin"]].equals(before[["deu", "fin"]])
    assert second.languages == ["deu", "fin", "swe"]


def test_masks_of_a_task_are_ordered_by_expectation(masks):
    ranking = MaskDataset.from_pretrained(masks).rank("Finnish", task="pos")
    assert ranking.ordered_by == "expectation"
    assert [source.language for source in ranking] == ranking.outlook.order
