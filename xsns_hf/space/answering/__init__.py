"""What the page says to a question: a `query` and the masks on offer enter; an `Answer` leaves, and its card as HTML.

No gradio in here. Sources, sets and expected scores are those of `ranking.suggestions`, as on the command line.
"""
