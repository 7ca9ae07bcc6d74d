"""Small labelled data of each task, made from the sample text."""

import json
from pathlib import Path

from xsns_hf.text.folder import sample_corpus


def row(task: str, sentence: str, number: int) -> dict:
    """Make an example of a task from a sentence of the sample text."""
    words = sentence.split()[:8]
    if task == "pos":
        return {"tokens": words, "upos": ["NOUN" if len(word) > 4 else "ADP" for word in words]}
    if task == "ner":
        return {"tokens": words, "ner_tags": ["B-LOC", "I-LOC", *["O"] * len(words)][: len(words)]}
    if task == "nli":
        label = ("entailment", "neutral", "contradiction")[number % 3]
        return {"premise": sentence, "hypothesis": words[0], "label": label}
    if task == "pi":
        return {"sentence1": sentence, "sentence2": " ".join(words[::-1]), "label": number % 2}
    answer = words[number % len(words)]
    return {"question": "Where?", "context": sentence, "answers": [{"text": answer, "start": sentence.index(answer)}]}


def write(path: Path, rows: list[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def write_language(folder: Path, task: str, code: str, train: int, dev: int = 0, test: int = 6) -> None:
    sentences = sample_corpus().sentences(code)
    rows = [row(task, sentence, number) for number, sentence in enumerate(sentences[: train + dev + test])]
    write(folder / code / "train.jsonl", rows[:train])
    write(folder / code / "test.jsonl", rows[train + dev :])
    if dev:
        write(folder / code / "dev.jsonl", rows[train : train + dev])
