"""The charts of the page, a file each, in Vega-Lite: readable on a phone and on a desk, in light and in dark, without
colours too.

Suggestions, a square of similarities or a table of overlaps enters, a specification of Vega-Lite leaves as plain
records. Each takes the width that it is given. Text and thin lines have the page's colours through `static/charts.css`;
the marks' own have a contrast of 3 : 1 or more with gradio's backgrounds, light and dark. `static/charts.js` lets the
keyboard go from mark to mark. Languages are canonical codes.
"""
