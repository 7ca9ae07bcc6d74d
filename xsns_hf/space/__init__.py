"""The page that answers "best source for language X" in a browser, from code and as MCP tools.

Published masks, which `catalogue` holds in memory, and a visitor's question enter; the answer (`answering`) leaves as
HTML, charts and plain records. `page` says what is where, `handlers` what happens, `endpoints` what programs may ask;
the style and the longer texts are in `static`. What keeps it up: `guard`, `door`, `visitors`, `uploads` and `inside`,
where masks are read. It may import any room below; of `own_text`'s worker aside, none of torch.
"""
