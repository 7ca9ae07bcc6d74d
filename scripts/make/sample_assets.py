"""Make xsns_hf/assets/text and xsns_hf/assets/gold/xpos.csv from a folder of the project's raw data.

DATA holds ud/<lang>/train.jsonl and text/<lang>.txt (Universal Dependencies, the same lines in the same order),
tydiqa/<lang>/*.jsonl, gold/xpos/udpos-ft-10000.csv, and SOURCES.md with each treebank's licence and version.
What is chosen depends on the data and SEED alone.
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random
from typing import Annotated, Any, NamedTuple

import typer

from xsns_hf.languages.codes import identify, name
from xsns_hf.text.folder import SAMPLE_TEXT

SEED, WANTED, LEAST = 20221107, 400, 300
GOLD = SAMPLE_TEXT.parent / "gold" / "xpos.csv"

TYDIQA = ("ar", "bn", "id", "ko", "sw", "te")
NOT_USED = ("pcm",)  # speech transcripts full of mark-up
TOKENIZED = ("vi",)  # the treebank's text has a space before each punctuation mark
CODES = {"sr": "sr-Latn"}  # Serbian treebanks, and so the gold scores, are in Latin script
# PUD holds the same 1,000 sentences in every language; GSD's makers claim no rights in its Spanish sentences.
SECOND_CHOICE = re.compile(r"_pud$|es_gsd$")

FREE = re.compile(r"(CC BY(?:-SA)?|Apache) [\d.]+$")
MARK_UP = re.compile(r"- -|[{}<>|\[\]\\#@*_=~^\x00-\x1f\ufffd]|https?:|www\.|\( *[,;:)]")
# After fewer than three characters a full stop may be an abbreviation's; Korean verbs are short.
SENTENCE_END = re.compile(r"(?<=\S{3}[.!?؟।۔])\s+|(?<=[가-힣][.!?])\s+")
WHOLE_SENTENCE = re.compile(r"(?![a-z\d_])\w.*(?<!మీ)[.!?؟।۔]$")  # మీ. is "m."


class Source(NamedTuple):
    name: str
    licence: str
    attribution: str


class Line(NamedTuple):
    text: str
    source: Source
    second_choice: bool = False


def main(data: Annotated[Path, typer.Option(help="folder of the raw data")]) -> None:
    SAMPLE_TEXT.mkdir(parents=True, exist_ok=True)
    for old in SAMPLE_TEXT.glob("*.txt"):
        old.unlink()
    treebanks = read_treebanks((data / "SOURCES.md").read_text(encoding="utf-8"))
    languages = {file.stem for file in (data / "text").glob("*.txt")} | set(TYDIQA)
    rows = []
    for language in sorted(languages - set(NOT_USED)):
        lines = tydiqa_lines(data, language) if language in TYDIQA else ud_lines(data, language, treebanks)
        chosen = choose(lines, language)
        if len(chosen) >= LEAST:
            rows.append(write_text(language, chosen))
    rows.sort(key=lambda row: row["language"])
    write_csv(SAMPLE_TEXT / "sources.csv", rows)
    write_csv(GOLD, gold_rows(data, {row["language"] for row in rows}))
    print(f"{len(rows)} languages, {sum(row['sentences'] for row in rows)} sentences")


def read_treebanks(sources: str) -> dict[str, Source]:
    """Map `af_afribooms@HEAD` to its source, for the treebanks whose licence lets us ship them."""
    licences = dict(re.findall(r"(\w+-\w+): (CC BY[-\w]* [\d.]+|LGPL-LR)", sources))
    commits = dict(re.findall(r"(\w+-\w+) ([0-9a-f]{7,9}) \d{4}-", sources))
    treebanks = {}
    for treebank, version, key in set(re.findall(r"(\w+-\w+)@(\w[\w.]*):(\w+?)-ud-", sources)):
        if not FREE.match(licences[treebank]):
            continue
        revision = commits[treebank] if version == "HEAD" else version
        attribution = f"https://github.com/UniversalDependencies/UD_{treebank} and its contributors"
        if treebank.endswith("AnCora"):
            attribution += "; AnCora, University of Barcelona, https://doi.org/10.5281/zenodo.4762030"
        licence = licences[treebank].replace(" ", "-")
        treebanks[f"{key}@{version}"] = Source(f"UD {treebank} {revision}", licence, attribution)
    return treebanks


def ud_lines(data: Path, language: str, treebanks: dict[str, Source]) -> Iterator[Line]:
    texts = (data / "text" / f"{language}.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")
    rows = (data / "ud" / language / "train.jsonl").read_text(encoding="utf-8").removesuffix("\n").split("\n")
    for text, row in zip(texts, rows, strict=True):
        key = re.sub(r"-\w+@", "@", json.loads(row)["src"])
        if language in TOKENIZED:
            text = re.sub(r" ([,.;:!?…]+)", r"\1", re.sub(r"(\d) ([,.]) (\d)", r"\1\2\3", text))
            if re.search(r"[\"()]| ' |[LR]BKT", text):  # quotes and brackets can't be put back
                continue
        if key in treebanks:
            yield Line(text, treebanks[key], bool(SECOND_CHOICE.search(key.split("@")[0])))


def tydiqa_lines(data: Path, language: str) -> Iterator[Line]:
    source = Source(
        "TyDiQA-GoldP 1.1",
        "Apache-2.0 AND CC-BY-SA-3.0",
        f"https://github.com/google-research-datasets/tydiqa, Clark et al. 2020; {name(language)} Wikipedia's authors",
    )
    files = sorted((data / "tydiqa" / language).glob("*.jsonl"))
    contexts = [json.loads(row)["context"] for file in files for row in file.open(encoding="utf-8")]
    endings = set()
    for context in dict.fromkeys(contexts):
        for sentence in SENTENCE_END.split(re.sub(r"\[\d+\]", "", context).strip()):
            # Thousands of articles on villages, say, are filled in from one template.
            ending = " ".join(sentence.split()[-3:])
            if whole(sentence, language) and ending not in endings:
                endings.add(ending)
                yield Line(sentence, source)


def whole(sentence: str, language: str) -> bool:
    """Tell a sentence from headings, infoboxes, cut-off pieces and what is in another script."""
    latin = sum(char.isascii() and char.isalpha() for char in sentence)
    return (
        len(sentence) >= 30
        and sentence.count("(") == sentence.count(")")
        and bool(WHOLE_SENTENCE.match(sentence))
        and (language in ("id", "sw") or latin < 0.2 * len(sentence))
    )


def choose(lines: Iterable[Line], language: str) -> list[Line]:
    """Take WANTED readable lines at random, first choices first, no two alike but for case or numbers."""
    kept: dict[str, Line] = {}
    for line in lines:
        text = " ".join(line.text.replace("\u200b", "").split())
        if readable(text, language):
            kept.setdefault(re.sub(r"\d+", "0", text.casefold()), line._replace(text=text))
    chosen = list(kept.values())
    Random(f"{SEED} {language}").shuffle(chosen)
    chosen.sort(key=lambda line: line.second_choice)
    return chosen[:WANTED]


def readable(text: str, language: str) -> bool:
    words = len(text) >= 15 if language in ("zh", "ja", "th") else len(text.split()) >= 4
    # Vowel signs are letters too, though isalpha() denies it; dashes and quotes are too few to matter.
    letters = sum(char.isalpha() or not char.isascii() for char in text)
    return words and len(text) <= 300 and letters > 0.6 * len(text) and not MARK_UP.search(text)


def write_text(language: str, lines: list[Line]) -> dict[str, Any]:
    code = identify(CODES.get(language, language))
    text = "".join(f"{line.text}\n" for line in lines)
    (SAMPLE_TEXT / f"{code}.txt").write_text(text, encoding="utf-8", newline="\n")
    sources = sorted({line.source for line in lines})
    licences = sorted({part for source in sources for part in source.licence.split(" AND ")})
    return {
        "language": code,
        "name": name(code),
        "sentences": len(lines),
        "source": "; ".join(source.name for source in sources),
        "licence": " AND ".join(licences),
        "attribution": "; ".join(source.attribution for source in sources),
    }


def gold_rows(data: Path, languages: set[str]) -> list[dict[str, Any]]:
    rows = []
    with (data / "gold" / "xpos" / "udpos-ft-10000.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            source, target = (canonical(row[column]) for column in ("lang_train", "lang_pred"))
            if source in languages and target in languages:
                rows.append({"source": source, "target": target, "score": f"{float(row['score']):.2f}"})
    pairs = {(row["source"], row["target"]) for row in rows}
    if len(pairs) != len(rows):
        raise ValueError("the gold file scores a pair of languages twice")
    return sorted(rows, key=lambda row: (row["source"], row["target"]))


def canonical(xpos_code: str) -> str:
    return identify(CODES.get(xpos_code, xpos_code))


def write_csv(file: Path, rows: list[dict[str, Any]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    typer.run(main)
