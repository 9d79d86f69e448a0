"""Which names say nothing, and the field's terms for them: what `tests.plain` forbids and proposes."""

from __future__ import annotations

import re

ODD_FUNCTION = re.compile(
    r"^_*(of|at|beside|among|told|kept|known|found|held|made|asked|given|upto|said|seen)(_|$)(?!most|least|out)"
    r"|^_*(by|above|below|without)$"
    r"|_(of|told|beside|known|kept|asked|said)$"
    r"|^_*(together|alike|around|apart|usual|wanted|whole|placed|moved|compared|held)$"
)
"""A function that is named by a preposition, a participle or an adverb."""

VAGUE_WORDS = frozenset(
    "found known told kept each other others both one here there so what such ways way place places side sides said asked"
    " wanted rest whole own made seen held given these those beside much many few least most again once alike apart"
    " together around usual all_ of over upto at".split()
)
"""Locals and parameters that don't say what they hold."""

GENERIC_WORDS = frozenset(
    "result results res ret retval item items obj objs tmp temp thing things stuff info infos out output outputs var vals"
    " val elem elems el x1 x2 foo bar element elements entry entries".split()
)
"""Locals and parameters that would fit anything."""

ODD_CLASS = re.compile(
    r"^_*(Usual|Seen|Others?|Lasting|Past|Raw|Known|Told|Found|Given|Wanted|Kept|Asked|Together|Alike|Beside|Before"
    r"|After|Earlier|Later|Both|Each|Whole|Here|There)$"
    r"|(Together|Apart|Of|By|Told|Known|Asked|Given|Seen)$"
)
"""A class that is named by an adjective, a participle or a pronoun."""

VERBS = frozenset(
    "adapt add adjust allow append apply as assert assign broadcast build calculate call can check choose clear close"
    " collect combine compare compute convert copy count create decode delete describe detect determine discard draw drop"
    " emit encode ensure estimate evaluate expand explain export extract fetch fill filter find fit flatten format from"
    " generate get group handle has hash import infer init insert inspect is iterate join judge keep list load locate log"
    " look make map mark match measure merge migrate move name normalize notify open order pack parse partition persist"
    " pick plan poll pool predict prepare print process produce profile promote prune publish put quantize quarantine"
    " query raise rank read rebuild receive record reduce refresh register reject release remove rename render repair"
    " repartition replace report require reset resolve restore restrict retry return revoke rewrite run sample save scale"
    " scan schedule score select send serialize set should show shrink shuffle simulate skip sort split start stop store"
    " submit suggest summarize test to touch track transform translate truncate try unpack update upload validate verify"
    " visit wait walk warn watch with wrap write yield".split()
)

LOCAL_TERMS = {
    "again": "`second_attempt` or `retry`",
    "alike": "`similar_windows` or whatever is similar",
    "all_": "the plural of what it holds, such as `columns`",
    "apart": "`difference` or `distance`",
    "around": "`neighbours`",
    "asked": "`requested_columns` or whatever is requested",
    "at": "`index`, `offset`, `position` or `time`",
    "beside": "`baseline` or `reference`",
    "both": "the plural of what it holds, such as `windows`",
    "each": "the singular of what you iterate over: `for feature in features`",
    "few": "`minimum_rows` or whatever the limit counts",
    "found": "the noun of what is found, such as `violations`, `matches` or `quantiles`",
    "given": "`options`, `arguments` or `configuration`",
    "held": "`lock`, `lease` or whatever is held",
    "here": "`this_process`, `folder` or `location`",
    "kept": "`accepted`, such as `accepted_rows`",
    "known": "`baseline` or `reference`, such as `baseline_values`",
    "least": "`minimum`, such as `minimum_rows`",
    "made": "the noun of what is created",
    "many": "`row_count` or whatever is counted",
    "most": "`maximum`, such as `maximum_rows`",
    "much": "`amount`, or the quantity with its unit, such as `size_bytes`",
    "of": "the noun of what it belongs to",
    "once": "a claim, such as `is_repeated`",
    "one": "the noun of what it holds, such as `column`",
    "other": "`other_column` or whatever it is another of",
    "others": "`other_columns` or whatever they are; of variances, `pooled_variance`",
    "over": "`excess`, or the noun of what it divides by",
    "own": "whose it is, such as `column_variance`",
    "place": "`index`, `offset`, `position` or `location`",
    "places": "`indices`, `offsets`, `positions` or `locations`",
    "rest": "`remaining_rows` or whatever remains",
    "said": "`message` or `output`",
    "seen": "`observed_values` or whatever is observed",
    "side": "which side: `baseline`, `current`, `facet`",
    "sides": "which sides: `baseline` and `current`",
    "so": "the quantity's name",
    "there": "a claim, such as `is_present` or `file_exists`",
    "together": "`merged`, `pooled` or `total`, such as `merged_state`",
    "told": "`message`, or `notified` of alerts",
    "upto": "`limit` or `end`",
    "usual": "`expected`, such as `expected_rows`",
    "wanted": "`requested_columns`, or `expected` in a test",
    "way": "`method` or `implementation`",
    "ways": "`methods` or `implementations`",
    "what": "`description`, or the noun of what it holds",
    "whole": "`total` or `data_set`",
}
"""What a local or a parameter is called instead."""

FUNCTION_TERMS = {
    "above": "`exceeds_limit`",
    "alike": "`find_similar_windows`",
    "among": "`restrict_to`",
    "apart": "`compute_distance`",
    "around": "`find_neighbours`",
    "asked": "`request_columns`",
    "at": "`find_position`, or `read_` with its object",
    "below": "`list_files`, or `is_below_limit`",
    "beside": "`compare_with_baseline`; of partitions `concat`",
    "by": "`group_by`",
    "compared": "`compare_with_baseline`",
    "found": "`find_matches`",
    "given": "`read_options`",
    "held": "`acquire_lock`",
    "kept": "`accept_rows`; of partitions `persist`",
    "known": "`read_baseline`",
    "made": "`create_session`",
    "moved": "`move_file`, or `shifted_columns`",
    "placed": "`locate_columns`",
    "said": "`format_message`",
    "seen": "`observe_values`",
    "together": "`merge_histories`; of partitions `repartition_by`",
    "told": "`notify`",
    "upto": "`limit_to`",
    "usual": "`expected_row_count`",
    "wanted": "`select_columns`",
    "whole": "`data_set_results`",
    "without": "`drop_columns`",
}
"""What a function is called instead, by the word that makes its name odd; the object is an example."""

CLASS_TERMS = {
    "Alike": "Templated",
    "Asked": "Requested",
    "Chance": "Noise",
    "Facts": "Metadata",
    "Fault": "Error",
    "Found": "Result",
    "Given": "Configuration",
    "Half": "Input or Output",
    "Heads": "Prefix",
    "Kept": "Accepted",
    "Known": "Baseline",
    "Lasting": "PersistentShift",
    "Nobody": "Default",
    "Others": "PooledVariance",
    "Past": "WindowHistory",
    "Place": "Location",
    "Places": "Locations",
    "Raw": "WindowStatistics",
    "Remedy": "Hint",
    "Room": "Margin",
    "Seen": "Observed",
    "Sent": "Broadcast",
    "Share": "Fraction",
    "Somebody": "User",
    "Told": "Notified",
    "Usual": "ExpectedRowCount",
}
"""What a class is called instead, or its word."""

FORBIDDEN_CLASS_WORDS = CLASS_TERMS.keys() - {"Given", "Lasting", "Others", "Past", "Raw", "Seen", "Usual"}
"""Words that no class has anywhere in its name."""


def is_odd_function(name: str) -> bool:
    """Whether a function's name is odd. A test's name is a sentence, which may end with any word."""
    return ODD_FUNCTION.search(name) is not None and not name.startswith("test_")


def is_odd_class(name: str) -> bool:
    return ODD_CLASS.search(name) is not None or not FORBIDDEN_CLASS_WORDS.isdisjoint(split_class_name(name))


def is_vague(name: str) -> bool:
    return name.lstrip("_") in VAGUE_WORDS


def is_generic(name: str) -> bool:
    return name.lstrip("_") in GENERIC_WORDS


def starts_with_verb(name: str) -> bool:
    return name.strip("_").split("_")[0] in VERBS and ODD_FUNCTION.search(name) is None


def split_class_name(name: str) -> list[str]:
    return re.findall(r"[A-Z][a-z]*", name)


def propose_function_name(name: str) -> str:
    """What to write instead of an odd name of a function, as one sentence."""
    words = name.strip("_").split("_")
    if words[0] == "of" and len(words) > 1:
        source = "_".join(words[1:])
        return f"Write a verb and its object, or `from_{source}` if it builds an object."
    if words[-1] == "of" and len(words) > 1:
        noun = "_".join(words[:-1])
        return f"Write `compute_{noun}` or `read_{noun}`, or make it a property `{noun}`."
    terms = [FUNCTION_TERMS[word] for word in (words[0], words[-1]) if word in FUNCTION_TERMS]
    if terms:
        return f"Write a verb and its object, such as {terms[0]}."
    return "Write a verb and its object, such as `read_captures`, or the quantity, such as `expected_row_count`."


def propose_local_name(name: str) -> str:
    """What to write instead of a vague or generic name of a local or parameter, as one sentence."""
    term = LOCAL_TERMS.get(name.lstrip("_"), "what it holds, such as `violations`, `row_counts` or `feature`")
    return f"Write {term}."


def propose_class_name(name: str) -> str:
    """What to write instead of an odd name of a class, as one sentence."""
    terms = [f"`{CLASS_TERMS[word]}` instead of `{word}`" for word in split_class_name(name) if word in CLASS_TERMS]
    if terms:
        return f"Write a noun of the field, such as {' and '.join(terms)}."
    return "Write a noun of the field, such as `WindowHistory`."
