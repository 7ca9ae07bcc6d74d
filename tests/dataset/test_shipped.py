import json

import pytest

from xsns_hf.dataset.published import known_gold, task_gold
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.dataset.shipped import shipped_gold, shipped_table, shipped_tables
from xsns_hf.errors import XsnsError
from xsns_hf.tasks import TASKS, load_task


@pytest.mark.parametrize("table", shipped_tables().values(), ids=lambda table: table.name)
def test_each_table_is_whole_and_says_whom_to_cite(table):
    gold = shipped_gold(table)
    assert table.task in TASKS
    assert gold.metric == load_task(table.task).metrics[0]
    assert gold.unknown == []
    assert gold.rows["score"].between(0, 100).all()
    assert gold.rows["score"].max() > 2, "percent, not fractions"
    assert len(gold.targets) >= 9
    assert table.origin
    assert table.name in (table.path.parent / "README.md").read_text("utf-8")


def test_every_table_of_the_folder_is_registered():
    folder = next(iter(shipped_tables().values())).path.parent
    assert {path.stem for path in folder.glob("*.csv")} == set(shipped_tables())


def test_the_tables_of_tasks():
    names = {task: getattr(shipped_table(task), "name", None) for task in TASKS}
    assert names == {
        "pos": "xpos", "ner": "dolicki_ner", "nli": "dolicki_nli", "pi": None, "qa": "langrankplus_qa_xlmr",
    }  # fmt: skip
    assert shipped_table("pos", "embedded").name == "embedded_pos"
    assert shipped_table("ner", "embedded").name == "dolicki_ner"
    assert shipped_table("langrankplus_qa_mt5", "embedded").model == "mT5"


def test_failed_runs_do_not_ship():
    assert "mya" not in shipped_gold(shipped_table("ner")).sources
    assert "kor" not in shipped_gold(shipped_table("qa")).sources


def test_scores_published_with_masks_come_before_those_that_ship(masks, tmp_path):
    repository = MaskRepository(masks)
    assert task_gold(repository, "nli").name == "nli (accuracy, XLM-R base)"
    assert task_gold(repository, "pi") is None
    copy = MaskRepository(tmp_path / "masks", create=True)
    copy.add(record for records in repository.records(["fin", "eng"]) for record in records)
    gold = shipped_gold(shipped_table("nli"))
    copy.add_scores(gold, "nli", origin="us", metric="error")
    copy.add_scores(gold, "nli", origin="us", metric="accuracy")
    assert task_gold(copy, "nli").name == f"nli (accuracy) in {copy.name}"
    assert task_gold(copy, "nli", "error").metric == "error"
    with pytest.raises(XsnsError, match="several metrics"):
        known_gold(copy, "nli")


def test_what_does_not_ship_is_refused():
    with pytest.raises(XsnsError, match="No scores of 'pi' ship"):
        known_gold(None, "pi")
    with pytest.raises(XsnsError, match="No scores of 'ner' by accuracy ship"):
        known_gold(None, "ner", "accuracy")


def test_evaluate_takes_scores_that_ship(xsns):
    code, output, errors = xsns("evaluate", "--gold", "nli", "--predictors", "lang2vec,english", "--json")
    assert code == 0, errors
    assert json.loads(output)["english"]["targets"] == 15
    code, _, errors = xsns("evaluate", "--gold", "pi", "--predictors", "english")
    assert (code, "There is no gold file pi" in errors) == (2, True)
