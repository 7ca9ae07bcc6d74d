"""The charts of the page, a file each, as Vega-Lite: readable on a phone and on a desk, in light and in dark, without
colours too.

A ranking, a square of similarities or a table of overlaps enters, an altair chart leaves. Each takes the width that it
is given. Text and thin lines have the page's colours through `static/charts.css`; the marks' own have a contrast of
3 : 1 or more with gradio's backgrounds, light and dark. Languages are canonical codes.
"""
