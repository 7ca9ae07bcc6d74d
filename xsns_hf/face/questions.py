"""What masks are asked: sources for a target, where languages overlap, how well predictors do."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.errors import XsnsError, explained_imports, parameter
from xsns_hf.gold import Gold
from xsns_hf.languages.codes import identify
from xsns_hf.ranking.suggestions import Order, Suggestions, suggest
from xsns_hf.recipe import Layers
from xsns_hf.text.converting import corpus_for

if TYPE_CHECKING:
    from xsns_hf.evaluation.evaluate import Evaluation
    from xsns_hf.explanation.cover import Cover
    from xsns_hf.explanation.overlap import Pair
    from xsns_hf.explanation.overview import Overview


class Questions:
    """What can be asked of masks.

    Attributes:
        repository: where they are.
    """

    def __init__(self, repository: MaskRepository):
        self.repository = repository

    def rank(
        self,
        target: str,
        *,
        candidates: Sequence[str] | str | None = None,
        task: str | None = None,
        top: int | None = None,
        by: Order | None = None,
        recipe: str | None = None,
        layers: Layers = "all",
        predict_score: str | Path | pd.DataFrame | Gold | None = None,
        metric: str | None = None,
    ) -> Suggestions:
        """Rank source languages for a target, as `xsns rank` does.

        Args:
            target: the language to transfer to: `fin`, `fi`, `fin_Latn`, `Finnish`.
            candidates: languages with labelled data; `pool`: the paper's for the task; by default all with masks.
            task: learn from what scores are known of it: pos, ner, nli, pi, qa, or one published with the masks.
            top: show the best so many only.
            by: `expectation`, the default where there are scores to learn from, or `similarity`.
            recipe: which masks, by name; by default those of the most languages.
            layers: where masks are compared, `all` or `early`, for which they are all read.
            predict_score: scores on other targets: a CSV with source, target, score, such a table, or a task.
            metric: which of the scores, where there are several metrics.

        Returns:
            The sources, best first: `len`, `[0]`, iteration; `.to_frame()`, `.plot()`, `.advice`, `.outlook`.

        Raises:
            LanguageError: an unknown language.
            XsnsError: see `suggest`.

        Example:
            >>> masks = MaskDataset.from_pretrained("masks")
            >>> ranking = masks.rank("fin", top=2)
            >>> len(ranking), ranking[0].similarity >= ranking[1].similarity
            (2, True)
            >>> list(ranking.to_frame().columns)
            ['language', 'name', 'similarity', 'std', 'as_good_as_best']
        """
        return suggest(
            target,
            self.repository,
            candidates=candidates,
            task=task,
            top=top,
            by=by,
            recipe=recipe,
            layers=layers,
            predict_score=predict_score,
            metric=metric,
        )

    def explain(
        self,
        one: str | None = None,
        other: str | None = None,
        *,
        languages: Sequence[str] | None = None,
        recipe: str | None = None,
    ) -> "Pair | Cover | Overview":
        """Look inside the masks, which are read for it.

        Args:
            one: a language.
            other: another one.
            languages: of which to look, where not two are named; by default all with masks.
            recipe: which masks, by name; by default those of the most languages.

        Returns:
            Of two languages, where they overlap, by layer and module (`.by("layer")`); of one, which three others
            together cover most of its sub-network; of none, what all have in common, and how they cluster. Each has
            `.to_dict()`.

        Raises:
            LanguageError: a language isn't known, or both are the same.
            XsnsError: there are no masks of one, too few, or they are damaged.
        """
        from xsns_hf.explanation.cover import cover
        from xsns_hf.explanation.overlap import explain_pair
        from xsns_hf.explanation.overview import overview

        masks = self.repository.masks(recipe)
        codes = None if languages is None else [identify(language) for language in languages]
        if one is None and other is None:
            return overview(masks, codes)
        if one is None or other is None:
            return cover(masks, identify(one or other or ""), codes)
        if codes is not None:
            raise XsnsError(f"{parameter('languages')} are for one language or all: leave them out for a pair.")
        return explain_pair(masks, one, other)

    def evaluate(
        self,
        gold: str | Path | pd.DataFrame | Gold,
        predictors: Sequence[str] | str = ("xsns", "random", "english"),
        *,
        recipe: str | None = None,
        layers: Layers = "all",
        text: Any = None,
        model: str = "embedded",
        examples: int = 256,
        layer: int = -1,
        seeds: int = 1,
        metric: str | None = None,
        learn_from: str | Path | pd.DataFrame | Gold | None = None,
        targets: Sequence[str] | None = None,
        sources: Sequence[str] | None = None,
        task: str | None = None,
        k: int = 3,
    ) -> "Evaluation":
        """Hold predictors against gold transfer scores: the paper's Table 2 for your own.

        Args:
            gold: a CSV with source, target, score, such a table, or the name of a task.
            predictors: names, see `xsns predictors`.
            recipe: which masks, by name; by default those of the most languages.
            layers: where masks are compared, `all` or `early`.
            text: for predictors that look at text, of any kind that `XsnsExtractor.extract` takes.
            model: for those that look at hidden states or tokens.
            examples: sentences of each language that run through it.
            layer: whose hidden states; -1 is the last.
            seeds: samples of text to average over; masks have their own.
            metric: which scores, where there are several metrics.
            learn_from: scores that `donor` and `expected` learn from; by default `gold`, by target.
            targets: which; by default all.
            sources: which; by default all.
            task: the paper's pool of a task, for sources and, unless they are given, targets.
            k: cut-off of NDCG.

        Returns:
            The comparison: `.table` (a row per predictor), `.per_target`, `.to_dict()`, `.to_latex()`.

        Raises:
            XsnsError: no target can be evaluated, or something asked for isn't there.
        """
        from xsns_hf.evaluation.asked import asked_for
        from xsns_hf.evaluation.evaluate import evaluate
        from xsns_hf.predictors import Inputs, make_predictors

        if seeds < 1 or examples < 1:
            few = f"{parameter('seeds', str(seeds))}, {parameter('examples', str(examples))}"
            raise XsnsError(f"{few} sample no text: use at least 1 of each.")
        asked = asked_for(
            gold,
            self.repository,
            metric=metric,
            learn_from=learn_from,
            targets=targets,
            sources=sources,
            task=task,
        )
        names = predictors.split(",") if isinstance(predictors, str) else predictors
        corpus = None if text is None else corpus_for(text, sorted({*asked.scores.targets, *asked.scores.sources}))
        sampled = (model, examples, layer, range(seeds))
        chosen = self.repository.masks(recipe, having=[{*asked.scores.targets, *asked.scores.sources}]).name
        inputs = Inputs(self.repository, chosen, corpus, *sampled, asked.learnt, layers)
        with explained_imports():
            return evaluate(asked.scores, make_predictors([name.strip() for name in names], inputs), k=[k])
