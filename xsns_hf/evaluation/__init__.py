"""Is it right? Predictors held against true scores (§4.3), and recipes against each other (Figures 3 and 6).

In come predictors, datasets and gold scores; out go tables and figures. Imports `ranking`, `predictors` and below.
"""
