import json
from contextlib import suppress
from enum import Enum
from typing import get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_model_monitor.documents.constraints import Constraints
from spark_model_monitor.documents.document import Document, Expected, Section
from spark_model_monitor.documents.statistics import Statistics
from spark_model_monitor.errors import BadDocument

DOCUMENTS = [Statistics, Constraints]


def parts(hint):
    yield hint
    for part in get_args(hint):
        yield from parts(part)


def sections(section=Document):
    section_types = {section}
    for hint in get_type_hints(section, include_extras=True).values():
        for part in parts(hint):
            if isinstance(part, type) and issubclass(part, Section) and part not in section_types:
                section_types |= sections(part)
    return section_types


SECTIONS = sorted(set().union(*map(sections, DOCUMENTS)) - {Document}, key=lambda section: section.__name__)
MEMBERS = sorted({name for section in SECTIONS for name in section.model_fields})
TEXTS = ["Enabled", "Simple", "String", "Integral", "NaN", "a"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 3) | st.floats(0, 2) | st.sampled_from(TEXTS),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=4),
    max_leaves=30,
)


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_every_member_says_what_an_error_calls_it(section):
    hints = get_type_hints(section, include_extras=True)
    for name in section.model_fields:
        # In 3.10 list[int] is a type, too
        plain_parts = [part for part in parts(hints[name]) if get_origin(part) is None]
        expectations = [part for part in plain_parts if isinstance(part, Expected | type)]
        assert any(isinstance(part, Expected) or issubclass(part, Section | Enum) for part in expectations), name


@pytest.mark.long
@pytest.mark.parametrize("document", DOCUMENTS)
@given(members=st.dictionaries(st.sampled_from(MEMBERS), VALUES, max_size=8))
def test_members_of_any_kind_are_read_or_refused_and_nothing_else(document, members):
    feature = {"name": "a", "inferred_type": "String", "numerical_statistics": members, "string_statistics": members}
    for content in ({"features": [feature, members]}, members):
        with suppress(BadDocument):
            document.from_json(json.dumps(content))


@pytest.mark.long
@given(config=st.dictionaries(st.sampled_from(MEMBERS), VALUES))
def test_what_is_read_is_written_back(config):
    content = {"features": [], "monitoring_config": config}
    with suppress(BadDocument):
        assert Constraints.from_json(json.dumps(content)).plain() == content
