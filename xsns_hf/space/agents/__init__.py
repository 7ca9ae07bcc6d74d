"""The Space as tools for language models, over the Model Context Protocol (MCP).

A tool's arguments (`tools`) enter as JSON and are checked against its input schema; a record (`records`) leaves, with a
schema that every result keeps, and a mistake leaves as one sentence, marked as an error. `server` is where the page
serves them. It may import what the page may.
"""
