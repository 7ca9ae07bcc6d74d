"""What to expect of sources: their similarity joined with what scores on other targets say of them (donor strength).

In come similarities, targets × sources, and gold scores of a task; out go an order, probabilities and scores, for a
target whose own scores are never looked at. Imports nothing from the package.
"""
