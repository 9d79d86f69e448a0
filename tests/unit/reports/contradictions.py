"""What a page may not say: a sentence that its own tables deny, and a word in the wrong number."""

from __future__ import annotations

import re
from collections.abc import Iterator

from spark_model_monitor.documents.page import Card, Cards, Highlight, Page, PageTable

NOUNS = "feature|metric|violation|window|record|row|value|rule|hour|day|file|column|deviation|model|change|number"
ONE_OF_MANY = re.compile(rf"(?<![\d.,/−-])1 (?:\w+ )?(?:{NOUNS})s\b(?! of)", re.I)
MANY_OF_ONE = re.compile(rf"(?<![\d.,])(?:0|[2-9]|[1-9][\d,]*\d) (?:{NOUNS})\b(?!s| of \d)", re.I)
"""`1 features`, `3 feature`. Not: `1 of 3 features`, `0.1 standard deviations`."""


def list_texts(page: Page) -> Iterator[str]:
    """Every sentence and cell of a page."""
    if page.headline is not None:
        yield str(page.headline)
    for name, value in page.facts:
        yield f"{name}: {value}"
    for section in page.sections:
        yield section.note
        for block in section.blocks:
            if isinstance(block, str):
                yield block
            elif isinstance(block, Cards):
                for card in block.cards:
                    yield from (card.change, card.since, card.evidence, *card.hints)
            elif isinstance(block, PageTable):
                yield block.caption
                for line in block.lines:
                    yield from map(str, line.cells)


def list_cards(page: Page, mark: Highlight) -> list[Card]:
    cards = []
    for section in page.sections:
        for block in section.blocks:
            if isinstance(block, Cards):
                cards.extend(card for card in block.cards if card.mark is mark)
    return cards


def list_marked(page: Page, mark: Highlight) -> list[str]:
    """The cards and table lines with a mark."""
    names = [card.name for card in list_cards(page, mark)]
    for section in page.sections:
        for block in section.blocks:
            if isinstance(block, PageTable):
                names.extend(str(line.cells[0]) for line in block.lines if line.mark is mark)
    return names


def count_lines(page: Page, heading: str) -> int:
    """The lines of the tables of a section."""
    number = 0
    for section in page.sections:
        if section.heading == heading:
            number += sum(len(block.lines) for block in section.blocks if isinstance(block, PageTable))
    return number


def find_contradictions(page: Page) -> list[str]:
    """What is said twice and differently, or in the wrong number."""
    problems = []
    for text in list_texts(page):
        for pattern in (ONE_OF_MANY, MANY_OF_ONE):
            wrong = pattern.search(text)
            if wrong:
                problems.append(f"{wrong[0]!r} in {text[:120]!r}")
    headline = page.headline
    if headline is None:
        return [*problems, "no headline"]

    # The headline's mark and what stands below it
    bad = list_marked(page, Highlight.BAD)
    unsure = list_marked(page, Highlight.UNSURE)
    if headline.mark is Highlight.GOOD and (bad or unsure):
        problems.append(f"nothing changed, but {bad or unsure}")
    if headline.mark is Highlight.UNSURE and bad:
        problems.append(f"nobody can tell, but {bad}")
    if headline.mark is Highlight.UNSURE and not unsure:
        problems.append("nobody can tell, but nothing may have changed")
    if headline.mark is Highlight.BAD and not bad:
        problems.append("something changed, but nothing is marked")

    # The headline's numbers and those of cards and tables
    changed = re.match(
        r"(?:In alert since [^:]*(?::\d\d)?: )?([\d,]+) of [\d,]+ (?:features|feature) changed", headline.text
    )
    if changed and len(list_cards(page, Highlight.BAD)) < int(changed[1].replace(",", "")):
        problems.append(f"{changed[0]}, but there are {len(list_cards(page, Highlight.BAD))} cards")
    calm = re.search(r"No (?:other )?change seen in ([\d,]+) features?", headline.text)
    calm_others = re.search(r"No change seen in the other (?:([\d,]+) features|feature)\.", headline.detail)
    for match in (calm, calm_others):
        not_compared = re.search(r"(\d+) not compared", " ".join(section.note for section in page.sections))
        lines = count_lines(page, "No change seen") - (int(not_compared[1]) if not_compared else 0)
        lines += count_lines(page, "Changed before")
        number = int((match[1] or "1").replace(",", "")) if match else lines
        if match and lines and number != lines:
            problems.append(f"{match[0]}, but the tables have {lines}")
    return problems
