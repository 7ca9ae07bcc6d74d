"""Gold scores: fine-tune on source languages, evaluate zero-shot on targets (§4.3; several sources: §6.4).

data ──► encoding (tokens, pairs, spans) ──► training ──► run ──► results ──► publishing

In come a checkpoint, a task's labelled data and settings; out goes a folder of scores. Imports `text`, `models` and
below, and of `dataset` only how it is kept on the Hub.
"""
