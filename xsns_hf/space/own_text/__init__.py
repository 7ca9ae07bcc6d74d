"""A visitor's own text: read, extracted in a process of its own, compared with the published masks.

The only part of the page that torch belongs to, and that in `worker`, away from the process that serves the page.
"""
