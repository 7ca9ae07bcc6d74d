"""Scores of rankings of source languages: `scoring` computes them, `source_ranking` offers them to `evaluate`."""
