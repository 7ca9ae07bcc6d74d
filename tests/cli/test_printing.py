"""What the commands that ask print besides tables: CSV, LaTeX, pictures, and letters that a terminal can't take."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from conftest import noisy_masks
from hypothesis import given
from hypothesis import strategies as st

from xsns_hf.cli.terminal import plain
from xsns_hf.ranking.latex import latex_table

NOISE = {"fin": 0.1, "ekk": 0.2, "swe": 0.5, "nob": 0.6, "deu": 0.7, "rus": 1.0, "tur": 2.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> str:
    return noisy_masks(tmp_path_factory.mktemp("noisy") / "masks", NOISE)


@pytest.fixture
def gold(tmp_path) -> Path:
    """Scores of six of the languages, and of many others."""
    known = [code for code in NOISE if code != "tur"]
    pairs = [(s, t) for s in [*known, "swh", "yor", "ind", "vie"] for t in known if s != t]
    pairs += [(f"elvish{number}", "fin") for number in range(2000)]
    lines = [f"{source},{target},{50 + 7 * number % 40}" for number, (source, target) in enumerate(pairs)]
    path = tmp_path / "gold.csv"
    path.write_text("\n".join(["source,target,score", *lines]), encoding="utf-8")
    return path


def rows_of(latex: str) -> list[list[str]]:
    """Return the cells of a table in LaTeX whose structure is right: booktabs' rules, as many cells as columns."""
    found = re.fullmatch(
        r"\\begin{tabular}{([lr]+)}\n\\toprule\n(.+) \\\\\n\\midrule\n(.*)\\bottomrule\n\\end{tabular}\n", latex, re.S
    )
    assert found, latex
    sides, head, body = found.groups()
    rows = [re.split(r"(?<!\\)& ?", line.removesuffix(r" \\")) for line in [head, *body.splitlines()]]
    assert {len(row) for row in rows} == {len(sides)}
    assert not re.search(r"(?<!\\)[%_#$]|\^", head + body), "or LaTeX stops there"
    return [[cell.strip() for cell in row] for row in rows]


@given(st.lists(st.tuples(st.text("ab&%_#$^~{}\\ é", max_size=8), st.floats(-9, 9)), min_size=1, max_size=3))
def test_whatever_a_table_holds_latex_can_read(rows):
    table = pd.DataFrame(rows, columns=["name & 90 %", "top_1 #"])
    text = latex_table(table)
    assert text.count(r"\\" + "\n") == len(rows) + 1
    assert r"name \& 90 \% & top\_1 \# \\" in text
    for line in text.splitlines()[4:-2]:
        cell = re.sub(r"\\text(backslash|asciitilde|asciicircum)\{\}|\\[&%$#_{}]", "", line.split(" & ")[0])
        assert not re.search(r"[&%$#_{}^~\\]", cell), line


def test_a_ranking_as_csv_and_latex(xsns, folder):
    rank = ["rank", "fin", "--masks", folder, "--top", 3]
    answer = json.loads(xsns(*rank, "--json")[1])["sources"]
    table = pd.read_csv(io.StringIO(xsns(*rank, "--csv")[1]))
    assert table[["language", "similarity"]].to_dict("records") == [
        {"language": source["language"], "similarity": source["similarity"]} for source in answer
    ]
    head, *rows = rows_of(xsns(*rank, "--latex")[1])
    assert head == ["Source", "Code", "Similarity"]
    assert rows == [[s["name"], s["language"], f"{s['similarity']:.4f}"] for s in answer]
    code, _, errors = xsns(*rank, "--csv", "--json")
    assert (code, "give one of them" in errors) == (2, True)


def test_a_ranking_with_scores_as_latex(xsns, folder, gold):
    head, *rows = rows_of(xsns("rank", "tur", "--masks", folder, "--predict-score", gold, "--latex")[1])
    assert head == ["Source", "Code", "Similarity", r"Expected (90\% interval)", "Best"]
    assert all(re.fullmatch(r"\d+\.\d \(\d+\.\d--\d+\.\d\)", row[3]) and row[4].endswith(r"\%") for row in rows)


def test_an_evaluation_as_latex(xsns, folder, gold):
    head, *rows = rows_of(xsns("evaluate", "--gold", gold, "--masks", folder, "--latex")[1])
    assert head == ["Predictor", "Pearson", "Spearman", "Top-1", "NDCG@3", "Regret", "MRR"]
    assert [row[0] for row in rows] == ["xsns", "random", "english"]


@pytest.mark.parametrize(("suffix", "begins"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("SVG", b"<?xml")])
def test_pictures_are_what_their_names_say(xsns, folder, gold, tmp_path, suffix, begins):
    one, other, tree = (tmp_path / f"{name}.{suffix}" for name in ("one", "other", "tree"))
    rank = ["rank", "fin", "--masks", folder, "--predict-score", gold, "--csv", "--plot"]
    for picture in (one, other):
        code, _, errors = xsns(*rank, picture)
        assert code == 0, errors
    assert one.read_bytes() == other.read_bytes(), "nothing in them is of the day"
    assert xsns("explain", "--masks", folder, "--plot", tree)[0] == 0
    assert one.read_bytes().startswith(begins)
    assert tree.read_bytes().startswith(begins)
    if suffix == "pdf":
        assert b"/Type3" not in one.read_bytes(), "publishers refuse such fonts"


def test_a_picture_that_can_not_be_is_refused_first(xsns, folder, tmp_path):
    for name, message in [("x.gif", "ends in .png, .pdf or .svg"), ("no/x.pdf", "in a folder that exists")]:
        code, output, errors = xsns("rank", "fin", "--masks", folder, "--plot", tmp_path / name)
        assert (code, output) == (2, "")
        assert message in errors


def test_what_an_evaluation_leaves_out_is_counted_below_the_table(xsns, folder, gold):
    output = xsns("evaluate", "--gold", gold, "--masks", folder)[1]
    assert len(output) < 3000
    told = " ".join(output.partition("└")[2].split())
    assert (
        "2000 languages of the scores are no languages that we know (elvish0, elvish1, elvish10 and 1997 more)" in told
    )
    assert "6 targets are evaluated without 4 sources (ind, swh, vie and 1 more), which some predictor lacks." in told


@pytest.mark.thorough
@pytest.mark.parametrize(("arguments", "said"), [((), "Norwegian Bokmal"), (("--json",), r"Norwegian Bokm\u00e5l")])
def test_an_ascii_terminal_is_enough(folder, arguments, said):
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0", "COLUMNS": "80"}
    for command in ("--help", "rank -h", f"rank swe --masks {folder}", f"rank swe --masks {folder} --task ner"):
        words = [*command.split(), *(arguments if "--masks" in command else ())]
        done = subprocess.run([sys.executable, "-m", "xsns_hf", *words], capture_output=True, env=environment)
        assert done.returncode == 0, done.stderr
        output = done.stdout.decode("ascii")
        assert "--masks" not in command or said in output


@given(st.text())
def test_plain_text_is_ascii(text):
    assert plain(text).isascii()
    assert not text.isascii() or plain(text) == text
