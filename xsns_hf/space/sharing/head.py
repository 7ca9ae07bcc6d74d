"""What a link's page says before it is there: to others, by its head, and to its visitor while the rest is loaded."""

import re

from xsns_hf.safe_text import for_html
from xsns_hf.space.sharing.card import Card
from xsns_hf.space.sharing.picture import HEIGHT, WIDTH

_OTHERS = re.compile(r"""<meta\s+(?:property="og:|name="twitter:)[^<>]*>\s*|<title>[^<>]*</title>\s*""")
"""What the page says of itself already."""

_BODY = re.compile(r"<body\b[^<>]*>")
_FIRST = re.compile(r"<(?:style|script|link)\b")
"""What comes first in the head of what is large."""


def with_card(page: str, card: Card, address: str, picture: str) -> str:
    """Return the page with a card in its head, in place of what it said there, and as the first words of its body.

    Args:
        page: its HTML.
        card: what to say.
        address: of the page, with the link's parameters.
        picture: where the card's picture is.
    """
    head, end, rest = page.partition("</head>")
    head = _OTHERS.sub("", head)
    first = _FIRST.search(head)
    place = first.start() if first else len(head)  # who reads the head for its tags reads some kilobytes at most
    rest = _BODY.sub(lambda body: body[0] + _first_words(card), rest, count=1)
    return head[:place] + _tags(card, address, picture) + head[place:] + end + rest


def _first_words(card: Card) -> str:
    """Return what can be read while the page is loaded, ten seconds on a slow link; `show_link.js` removes it."""
    return (
        f'<section id="first" class="{"answer" if card.dots else ""}" style="padding: 1em 2em; max-width: 70em">'
        f"<h2>{for_html(card.title)}</h2><p>{for_html(card.headline)}</p>"
        "<noscript><p>More than this needs JavaScript.</p></noscript></section>"
    )


def _tags(card: Card, address: str, picture: str) -> str:
    """Return the tags; whatever is in them is escaped."""
    words = {
        "og:type": "website",
        "og:site_name": "X-SNS",
        "og:title": card.title,
        "og:description": card.headline,
        "og:url": address,
        "og:image": picture,
        "og:image:width": str(WIDTH),
        "og:image:height": str(HEIGHT),
        "og:image:alt": f"{card.title}. {card.headline}",
    }
    tags = [f'<meta property="{key}" content="{for_html(text)}">' for key, text in words.items()]
    tags.append(f'<meta name="description" content="{for_html(card.headline)}">')
    tags.append('<meta name="twitter:card" content="summary_large_image">')  # the rest it takes from og:
    title = for_html(card.title.removesuffix("."))
    return "\n".join([f"<title>{title} · X-SNS</title>", *tags]) + "\n"
