"""Text from the Hub: the corpora of the paper's tasks and general ones, streamed, so that little is fetched."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from huggingface_hub import cached_assets_path

from xsns_hf.errors import XsnsError
from xsns_hf.languages.codes import identify, name
from xsns_hf.tasks import TASKS, Task, load_task
from xsns_hf.text.folder import Files

LIMIT = 4096
"""Sentences of a language that are fetched: the draws are made from these."""

SHORTEST = 20
"""Characters of a paragraph that counts as text, where a document is cut into paragraphs."""


@dataclass(frozen=True)
class Source:
    """Where on the Hub a corpus is, and what in it is text.

    Attributes:
        id: of the dataset.
        configs: configuration of each language, by canonical code.
        columns: what is text: a string, or a list of tokens, which are joined by spaces. Several columns are joined by
            a space, as the premise and hypothesis of a pair are.
        split: which split.
        revision: None for the dataset itself; PARQUET for one whose own files need a script to be read.
        prefix: for a dataset that holds all languages together, what the `id` of each row begins with.
        paragraphs: whether a row is a document, to be cut into paragraphs.
        licence: SPDX expression of the text, if it has one.
        about: what it is, in a few words.
    """

    id: str
    configs: Mapping[str, str]
    columns: Sequence[str]
    split: str = "train"
    revision: str | None = None
    prefix: Mapping[str, str] = field(default_factory=dict)
    paragraphs: bool = False
    licence: str | None = None
    about: str = ""


PARQUET = "refs/convert/parquet"
"""The branch where the Hub keeps every public dataset as Parquet, whatever it was made of."""


def _by_code(codes: str, pattern: str = "{}") -> dict[str, str]:
    return {identify(code): pattern.format(code) for code in codes.split()}


def _by_treebank(treebanks: str) -> dict[str, str]:
    return {identify(treebank.partition("_")[0]): treebank for treebank in treebanks.split()}


_WIKIPEDIA = (
    "af am ar as az be bg bn br bs ca cs cy da de el en eo es et eu fa fi fr ga gd gl gu he hi hr hu hy id is it ja jv "
    "ka kk km kn ko ku ky la lo lt lv mg mk ml mn mr ms my ne nl no pa pl ps pt ro ru sd si sk sl so sq sr su sv sw ta "
    "te th tr ug uk ur uz vi wo xh yi yo zh"
)

SOURCES: dict[str, Source] = {
    "wikiann": Source(
        "unimelb-nlp/wikiann",
        _by_code(
            "af ar az bg bn de el en es et eu fa fi fr gu he hi hu id it ja jv ka kk ko lt ml mr ms my nl pa "
            "pl pt qu ro ru sv sw ta te th tl tr uk ur vi yo zh"
        ),
        ["tokens"],
        about="sentences of Wikipedia with named entities; the paper's NER text and its general text W",
    ),
    "ud": Source(
        "universal-dependencies/universal_dependencies",
        _by_treebank(
            "bg_btb zh_gsd nl_alpino en_ewt fi_tdt fr_gsd hi_hdtb id_gsd it_isdt ja_gsd ko_kaist no_bokmaal pl_pdb "
            "pt_bosque ru_syntagrus sk_snk es_ancora sv_talbanken tr_imst uk_iu"
        ),
        ["tokens"],
        revision=PARQUET,
        about="treebanks; the paper's POS text",
    ),
    "xnli": Source(
        "facebook/xnli",
        _by_code("ar bg de el en es fr hi ru sw th tr ur vi zh"),
        ["premise"],
        about="the paper's NLI text; the premises, as its released code has it",
    ),
    "paws-x": Source(
        "google-research-datasets/paws-x",
        _by_code("de en es fr ja ko zh"),
        ["sentence1", "sentence2"],
        about="the paper's paraphrase text; both sentences of a pair",
    ),
    "tydiqa": Source(
        "google-research-datasets/tydiqa",
        dict.fromkeys(map(identify, ["ar", "bn", "en", "fi", "id", "ko", "ru", "sw", "te"]), "secondary_task"),
        ["question", "context"],
        prefix={
            identify(code): language
            for code, language in zip(
                ["ar", "bn", "en", "fi", "id", "ko", "ru", "sw", "te"],
                ["arabic", "bengali", "english", "finnish", "indonesian", "korean", "russian", "swahili", "telugu"],
                strict=True,
            )
        },
        licence="Apache-2.0",
        about="TyDiQA-GoldP, the paper's QA text; question and passage",
    ),
    "wikipedia": Source(
        "wikimedia/wikipedia",
        _by_code(_WIKIPEDIA, "20231101.{}"),
        ["text"],
        paragraphs=True,
        licence="CC-BY-SA-4.0",
        about="general text in hundreds of languages; here those of XLM-R's pre-training",
    ),
    "flores": Source(
        "openlanguagedata/flores_plus",
        _by_code(
            "arb_Arab ben_Beng bul_Cyrl deu_Latn ell_Grek eng_Latn est_Latn fin_Latn fra_Latn heb_Hebr "
            "hin_Deva hun_Latn ind_Latn ita_Latn jpn_Jpan kat_Geor kaz_Cyrl kor_Hang lit_Latn mal_Mlym "
            "mar_Deva mya_Mymr nld_Latn nob_Latn pol_Latn por_Latn ron_Latn rus_Cyrl slk_Latn spa_Latn "
            "swe_Latn swh_Latn tam_Taml tel_Telu tha_Thai tur_Latn ukr_Cyrl urd_Arab vie_Latn wol_Latn "
            "yor_Latn"
        ),
        ["text"],
        split="dev",
        licence="CC-BY-SA-4.0",
        about="the same 997 sentences in every language; log in and accept its terms first",
    ),
}
"""The corpora that `--dataset` knows by name."""

TASK_TEXT: dict[str, str] = {task: load_task(task).corpus for task in TASKS}
"""The corpus of each of the paper's tasks (appendix A)."""


def hub_corpus(corpus: str, languages: Sequence[str], limit: int = LIMIT) -> Files:
    """Fetch the first sentences of some languages; what was fetched before is taken from the cache.

    Args:
        corpus: a name in `SOURCES`.
        languages: canonical codes.
        limit: the most sentences of a language.

    Raises:
        XsnsError: there is no such corpus, it lacks a language, or it can't be fetched.
    """
    check_corpus(corpus, languages)
    source = SOURCES[corpus]
    folder = cached_assets_path(library_name="xsns_hf", namespace="corpora", subfolder=f"{corpus}-{limit}")
    files = {code: folder / f"{code}.txt" for code in languages}
    for code, path in files.items():
        if not path.exists():
            _save(path, list(islice(_sentences(source, code), limit)))
    licences = {code: source.licence for code in languages if source.licence}
    return Files(corpus, files, licences)


def check_corpus(corpus: str, languages: Sequence[str]) -> None:
    """Make sure that a corpus is known and has text in some languages; nothing is fetched.

    Args:
        corpus: a name in `SOURCES`.
        languages: canonical codes.

    Raises:
        XsnsError: it isn't, or hasn't.
    """
    if corpus not in SOURCES:
        raise XsnsError(f"There is no corpus '{corpus}': use one of {', '.join(SOURCES)}, or --text with files.")
    there = SOURCES[corpus].configs
    missing = [f"{name(code)} ({code})" for code in languages if code not in there]
    if missing:
        raise XsnsError(f"{corpus} has no text for {', '.join(missing)}: it has {', '.join(sorted(there))}.")


def labelled_splits(task: Task, code: str, split: str) -> list[dict]:
    """Fetch the labelled rows of a language, the whole split, through the cache of `datasets`; labels become names.

    Args:
        task: whose corpus is in `SOURCES`.
        code: canonical code of one of its languages.
        split: as the Hub has it.

    Raises:
        XsnsError: they can't be fetched.
    """
    source = SOURCES[task.corpus]
    with _explained(source.id, code):
        rows = _rows(source, code, split, streaming=False)
        names = _class_names(rows.features[task.label])
        mine = list(_of_language(rows, source, code))
    return [row | {task.label: _named(row[task.label], names)} for row in mine] if names else mine


def _class_names(feature: Any) -> list[str] | None:
    """Return the names that a dataset gives to the numbers of its classes: their order may be another than ours."""
    feature = getattr(feature, "feature", feature)  # of a list
    return getattr(feature, "names", None)


def _named(label: Any, names: Sequence[str]) -> Any:
    if isinstance(label, list):
        return [_named(each, names) for each in label]
    return names[label] if isinstance(label, int) and label >= 0 else label


def _save(path: Path, sentences: list[str]) -> None:
    """Write a sentence a line, the whole file or nothing."""
    if not sentences:
        raise XsnsError(f"The Hub gave no sentence for {path.stem}: use another corpus.")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_text("\n".join(sentences), encoding="utf-8")
    unfinished.replace(path)


def _sentences(source: Source, code: str) -> Iterator[str]:
    """Stream the text of a language, a sentence (or paragraph, or pair) at a time."""
    with _explained(source.id, code):
        for row in _of_language(_rows(source, code, source.split, streaming=True), source, code):
            yield from _texts(row, source)


def _rows(source: Source, code: str, split: str, *, streaming: bool) -> Any:
    from datasets import load_dataset

    config = source.configs[code]
    if source.revision == PARQUET:
        place = f"hf://datasets/{source.id}@{PARQUET.replace('/', '%2F')}/{config}/{split}/*.parquet"
        return load_dataset("parquet", data_files={split: place}, split=split, streaming=streaming)
    return load_dataset(source.id, config, split=split, streaming=streaming)


def _of_language(rows: Iterable[dict], source: Source, code: str) -> Iterator[dict]:
    """Yield the rows of a language, where a dataset holds all languages together."""
    return (row for row in rows if str(row.get("id", "")).startswith(source.prefix.get(code, "")))


@contextmanager
def _explained(dataset: str, code: str) -> Iterator[None]:
    try:
        yield
    except XsnsError:
        raise
    except Exception as error:  # the clients raise whatever their layers do
        reason = " ".join(str(error).split())[:200]
        raise XsnsError(
            f"The text of {name(code)} can't be fetched from {dataset} on the Hub ({type(error).__name__}: "
            f"{reason}): check the connection, log in if the dataset needs it, or give your own text with --text."
        ) from error


def _texts(row: Mapping, source: Source) -> Iterator[str]:
    values = [row[column] for column in source.columns]
    text = " ".join(value if isinstance(value, str) else " ".join(value) for value in values)
    if source.paragraphs:
        yield from (" ".join(each.split()) for each in text.split("\n") if len(each.strip()) >= SHORTEST)
    elif text.strip():
        yield " ".join(text.split())
