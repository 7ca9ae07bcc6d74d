"""The extractor as an object: a checkpoint and how masks are made from it."""

import dataclasses
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal, Self

from tqdm import tqdm

from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.errors import XsnsError, explained_imports, parameter
from xsns_hf.extraction.planning import Plan
from xsns_hf.face.mask_dataset import MaskDataset
from xsns_hf.languages.codes import identify
from xsns_hf.processes import is_first, number
from xsns_hf.recipe import (
    AGREEMENT,
    EXAMPLES,
    RECOMMENDED,
    HeadKind,
    ImportanceName,
    Objective,
    Precision,
    Stacks,
    WantedPrecision,
)
from xsns_hf.text.converting import corpus_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from xsns_hf.models.loading import Checkpoint
    from xsns_hf.text.corpus import Corpus

MOST = 1024
"""With `examples="auto"`: sentences to use at most."""


class XsnsExtractor:
    """Finds, for each language, the sub-network of a checkpoint that the language excites. Made by `from_pretrained`.

    Example:
        >>> extractor = XsnsExtractor.from_pretrained("tiny-xlmr", examples=8, seeds=2)
        >>> extractor
        XsnsExtractor('tiny-xlmr': mlm, 8 examples, density 0.15, 2 seeds, capped)
        >>> masks = extractor.extract("sample", languages=["Finnish", "deu", "swe"])
        >>> masks
        MaskDataset('temporary': 3 languages, 1 recipe)
        >>> len(masks.rank("Finnish"))
        2
    """

    def __init__(
        self,
        plan: Plan,
        seeds: int,
        checkpoint: "Checkpoint",
        loaded: "tuple[PreTrainedModel, PreTrainedTokenizerBase] | None" = None,
        *,
        precision_is_open: bool = False,
    ):
        """Take a checkpoint, see `from_pretrained`.

        Args:
            plan: how masks are made.
            seeds: number of seeds.
            checkpoint: the model with a head.
            loaded: the user's own model and tokenizer, where the checkpoint is made of these.
            precision_is_open: whether the first extraction chooses it, see `extraction.precision`.
        """
        self.plan, self.seeds, self._checkpoint, self._loaded = plan, seeds, checkpoint, loaded
        self._precision_is_open = precision_is_open

    @classmethod
    def from_pretrained(
        cls,
        model: "str | Path | PreTrainedModel",
        *,
        tokenizer: "PreTrainedTokenizerBase | None" = None,
        revision: str | None = None,
        examples: int | Literal["auto"] = EXAMPLES,
        density: float = 0.15,
        seeds: int = 3,
        importance: ImportanceName = RECOMMENDED,
        head: HeadKind | None = None,
        objective: Objective | None = None,
        masking: float | None = None,
        max_length: int = 128,
        agreement: float = AGREEMENT,
        precision: WantedPrecision | None = None,
        stacks: Stacks = "both",
        device_map: str | None = None,
        trust_remote_code: bool = False,
    ) -> Self:
        """Load a checkpoint, or take a loaded model, and say how masks are to be made from it.

        A loaded model is left as it was after each extraction, and read anew by the next: its revision in the masks'
        recipe is a hash of its weights as they are then. A language model whose own head transformers had to make up
        (it warns of it) would give meaningless masks, which isn't always noticed: use `head="tied"`.

        Args:
            model: a model id on the Hub, a folder, `embedded`, or a loaded transformers model.
            tokenizer: of a loaded model; by default that of the checkpoint it was loaded from.
            revision: branch, tag or commit on the Hub.
            examples: |D|, sentences per language and seed; or `auto`: as many as the mask needs to settle.
            density: p, the share of parameters in a sub-network.
            seeds: number of seeds: each draws its own sentences.
            importance: what makes a parameter important, see `recipe.IMPORTANCES`.
            head: `pretrained` (the checkpoint's own, the default), `tied` (logits through the word embeddings) or
                `fitted` (by `xsns fit-head`).
            objective: what is predicted; by default what the model was pre-trained to predict.
            masking: share of tokens masked; by default that of pre-training.
            max_length: longest example in tokens.
            agreement: with `auto`, how well the masks of two halves of the sentences must agree (Jaccard).
            precision: of the forward and backward pass, or of the weights too; by default float32, or a loaded
                model's own. `auto`: bfloat16 where there are fast units for it and masks come out alike, tried on the
                first language.
            stacks: which blocks of an encoder–decoder masks cover.
            device_map: `auto` spreads a model that is too large for one GPU over several.
            trust_remote_code: run model code from the Hub.

        Raises:
            XsnsError: a setting is out of range, or the checkpoint can't be had or used.
            MissingLibrary: torch or transformers isn't installed.
        """
        if seeds < 1:
            raise XsnsError(f"{parameter('seeds', str(seeds))} extracts nothing: use at least 1.")
        size = {"examples": MOST, "agreement": agreement} if examples == "auto" else {"examples": examples}
        settings = size | {"density": density, "importance": importance, "max_length": max_length, "stacks": stacks}
        is_open, said = precision == "auto", None if precision == "auto" else precision
        plan = Plan(objective, head, masking, settings | {"precision": said or "float32"})
        plan.check()
        with explained_imports():
            if isinstance(model, str | Path):
                if tokenizer is not None:
                    raise XsnsError("tokenizer=… is for a loaded model: a name or a folder has its own.")
                options: dict[str, Any] = {"trust_remote_code": trust_remote_code, "device_map": device_map}
                return cls(plan, seeds, plan.load(str(model), revision=revision, **options), precision_is_open=is_open)
            if revision is not None or device_map is not None:
                raise XsnsError(
                    f"The model is loaded already: leave {parameter('revision')} and {parameter('device_map')} out."
                )
            return cls._of_loaded(plan, seeds, model, tokenizer, said, is_open)

    @classmethod
    def _of_loaded(
        cls,
        plan: Plan,
        seeds: int,
        model: "PreTrainedModel",
        tokenizer: "PreTrainedTokenizerBase | None",
        precision: Precision | None,
        precision_is_open: bool,
    ) -> Self:
        from xsns_hf.models.loaded import borrowed, check_loaded, loaded_checkpoint, precision_of, tokenizer_for

        check_loaded(model)
        own = precision_of(model, precision)
        plan = dataclasses.replace(plan, settings={**plan.settings, "precision": own})
        loaded = model, tokenizer if tokenizer is not None else tokenizer_for(model)
        with borrowed(model):  # what doesn't fit is told now
            checkpoint = loaded_checkpoint(*loaded, objective=plan.objective_of_head, head=plan.head_kind)
        return cls(plan, seeds, checkpoint, loaded, precision_is_open=precision_is_open and own == "float32")

    def extract(
        self,
        text: Any,
        languages: Sequence[str] | None = None,
        out: str | Path | None = None,
        corpus_name: str | None = None,
        *,
        language_column: str | None = None,
        column: str | None = None,
        replace: bool = False,
    ) -> MaskDataset:
        """Extract the sub-network of each language and return them with what was there.

        A language is added as soon as it is done; called again, it goes on from there. Of several processes
        (`accelerate launch`) each takes its share.

        Args:
            text: a folder with a file per language; sentences by language, `{"fin": […], "deu": […]}`; a
                `datasets.Dataset` with a column of languages, or one per language; a `DatasetDict` with a split per
                language; the name of a corpus on the Hub (`xsns corpora`); or `sample`, the text that ships with the
                package.
            languages: which, in any form that `identify` takes; by default all in the text.
            out: a folder or `user/repo` on the Hub; made if there is none, else added to. By default a temporary
                folder that lives as long as what is returned.
            corpus_name: of the text in recipes: masks of other text are never compared. By default its own, or `text`.
            language_column: of a dataset; by default `language`, `lang`, `lang_code` or the like.
            column: of a dataset; by default `text`, `tokens`, `sentence` or the like.
            replace: extract again what is there already.

        Raises:
            LanguageError: an unknown language.
            XsnsError: there is no usable text, or masks that are there don't fit.
        """
        if out is None and number() > 1:
            raise XsnsError(f"Several processes have no temporary folder in common: say with {parameter('out')} where.")
        corpus = corpus_of(text, languages, name=corpus_name, language_column=language_column, column=column)
        codes = list(dict.fromkeys(map(identify, languages))) if languages is not None else corpus.languages
        with explained_imports():
            from xsns_hf.extraction.build import build

            keeping = TemporaryDirectory(prefix="xsns-masks-") if out is None else None
            repository = MaskRepository(Path(keeping.name) if keeping else out or "", create=True)
            if is_first():
                repository.store.prepare()
            with self._borrowed():
                checkpoint = self._current()
                if self._precision_is_open and codes:
                    self._choose_precision(checkpoint, corpus, codes[0])
                recipe = self.plan.recipe(checkpoint, corpus)
                build(repository, checkpoint, corpus, recipe, codes, range(self.seeds), replace=replace)
        return MaskDataset(repository, keeping=keeping)

    def _choose_precision(self, checkpoint: "Checkpoint", corpus: "Corpus", code: str) -> None:
        """Settle on the precision, for this extraction and all later ones, by the text of one language."""
        from accelerate import Accelerator

        from xsns_hf.extraction.precision import settled

        recipe, why = settled(self.plan.recipe(checkpoint, corpus), checkpoint, corpus, code, Accelerator().device)
        self.plan = dataclasses.replace(self.plan, settings={**self.plan.settings, "precision": recipe.precision})
        self._precision_is_open = False
        if is_first():
            tqdm.write(why)

    def _borrowed(self) -> Any:
        """Return a context after which the user's own model is as it was before."""
        if self._loaded is None:
            return nullcontext()
        from xsns_hf.models.loaded import borrowed

        return borrowed(self._loaded[0])

    def _current(self) -> "Checkpoint":
        """Return the checkpoint; of the user's own model, as it is now."""
        if self._loaded is None:
            return self._checkpoint
        from xsns_hf.models.loaded import loaded_checkpoint

        return loaded_checkpoint(*self._loaded, objective=self.plan.objective_of_head, head=self.plan.head_kind)

    def __repr__(self) -> str:
        settings = self.plan.settings
        objective = self.plan.objective or self._checkpoint.objective
        examples = f"up to {settings['examples']}" if "agreement" in settings else settings["examples"]
        seeds = f"{self.seeds} seed{'s' * (self.seeds != 1)}"
        return (
            f"XsnsExtractor({self._checkpoint.name!r}: {objective}, {examples} examples, "
            f"density {settings['density']:g}, {seeds}, {settings['importance']})"
        )
