"""JSON as typed columns: what one record has in another shape than most refuses that record, and says nothing of the features."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import partial

import pyarrow as pa
import pytest

from spark_model_monitor.data.records import json_features
from spark_model_monitor.data.records.json_features import INFERRED, choose_features, decode_records, infer_members
from spark_model_monitor.data.records.json_lines import _read_document
from spark_model_monitor.data.records.locations import FILE_KEY
from spark_model_monitor.data.records.refusals import REASON, Refusal
from spark_model_monitor.errors import BadInput

SHAPE = Refusal.ANOTHER_SHAPE
DEEPER = Refusal.TOO_DEEP
USUAL = ['{"a": 1, "b": "x"}', '{"a": 2, "b": "y"}', '{"a": 3}']


def read(lines, *, parts=1, whole_files=False, **how):
    """Names, the kept rows and the reasons of lines that lie in so many partitions."""
    texts = [pa.array([line.encode("utf-8", "surrogatepass")], pa.binary()).view(pa.string()) for line in lines]
    files = [pa.array(["f.json"]), pa.array([7])]
    if whole_files:
        names = ["line", "file", FILE_KEY]
    else:
        names = ["line", "file"]
    # The members of each partition, and the features of all of them
    batches = [pa.RecordBatch.from_arrays([text, *files][: len(names)], names=names) for text in texts]
    cut = [batches[number::parts] for number in range(parts)]
    member_batches = [batch for part in cut for batch in infer_members(whole_files, part)]
    assert all(batch.schema == INFERRED for batch in member_batches)
    if not how:
        features = choose_features(member_batches, "data", flatten=False)
    else:
        features = choose_features(member_batches, "data", **how)
    # The rows have where they stand, and why they are rejected
    locations = [pa.field("line", pa.string()), pa.field("file", pa.string())]
    if whole_files:
        locations = [pa.field(FILE_KEY, pa.int64())]
    schema = pa.schema([*features.fields, pa.field(REASON, pa.int32()), *locations])
    rows = pa.Table.from_batches(list(decode_records(features, schema, whole_files, batches)), schema)
    reasons = rows[REASON].to_pylist()
    columns = [rows[f"c{number}"].to_pylist() for number in range(len(features.names))]
    accepted = [row for row, reason in zip(zip(*columns, strict=True), reasons, strict=True) if not reason]
    return features.names, accepted, reasons


@pytest.mark.parametrize("parts", [1, 2, 4])
@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        pytest.param('{"a": {"x": 1}, "b": "x"}', SHAPE, id="an object among numbers"),
        pytest.param('{"a": {}, "b": "x"}', SHAPE, id="an empty object"),
        pytest.param('{"a": [1], "b": "x"}', SHAPE, id="an array among numbers"),
        pytest.param('{"a": [1], "more": 7}', SHAPE, id="an array, and a member that no other record has"),
        pytest.param('{"a": 1, "more": {"x": 1}}', SHAPE, id="an object that no other record has"),
        pytest.param('{"a": 1, "b": "x", "\\ud800": 1}', Refusal.NOT_UTF_8, id="half a surrogate pair in a name"),
        pytest.param('{"a": 1}, {"a": 1}', Refusal.SEVERAL_JSON_OBJECTS, id="two objects"),
        pytest.param('{"a": 1}, 5', Refusal.NOT_A_JSON_OBJECT, id="an object and a number"),
        pytest.param('{"a": INF}', Refusal.NOT_A_JSON_OBJECT, id="a number of Spark's"),
        *(
            pytest.param('{"a": ' + "[" * depth + "]" * depth + "}", reason, id=f"{depth} arrays")
            for depth, reason in ((99, SHAPE), (100, DEEPER), (700, DEEPER))
        ),
        pytest.param('{"a": ' + '{"a":' * 900 + "1" + "}" * 901, DEEPER, id="900 objects"),
    ],
)
def test_an_odd_record_is_refused_and_the_others_are_read_as_without_it(odd, reason, parts):
    without = read(USUAL)

    for position in range(len(USUAL) + 1):
        names, accepted, reasons = read([*USUAL[:position], odd, *USUAL[position:]], parts=parts)
        assert (names, accepted) == without[:2]
        assert reasons == [0] * position + [reason] + [0] * (len(USUAL) - position)


@pytest.mark.parametrize(
    ("values", "expected_values"),
    [
        pytest.param(["1", "2.5"], [1.0, 2.5], id="fractions"),
        pytest.param(["1", '""'], [1, None], id="an empty text among numbers is missing"),
        pytest.param(['"x"', '""'], ["x", ""], id="an empty text among texts is one"),
        pytest.param(["true", '""', "null"], [True, None, None], id="booleans"),
        pytest.param(
            ["9223372036854775807", "-9223372036854775808"], [2**63 - 1, -(2**63)], id="the widest of 64 bits"
        ),
        pytest.param(["1", "9223372036854775808"], [Decimal(1), Decimal(2**63)], id="more than 64 bits"),
        pytest.param(["2.5", "9" * 38], [2.5, 1e38], id="38 digits beside fractions"),
        pytest.param(["1", "1" + "0" * 38], [1.0, 1e38], id="39 digits"),
        pytest.param(["1", "-" + "9" * 400], [1.0, float("-inf")], id="400 digits"),
        pytest.param(["1", "9" * 5_000], [1.0, float("inf")], id="5,000 digits, which Python reads as no integer"),
        pytest.param(['"x"', "1e300", "true", "3"], ["x", "1.0E300", "true", "3"], id="texts beside anything"),
        pytest.param(['"\\ud800"'], ["?"], id="half a surrogate pair, as Java writes it"),
        pytest.param(["[1, 2]", "[2.5]", "[]", "null"], [[1.0, 2.0], [2.5], [], None], id="arrays of numbers"),
        pytest.param(["[[1]]", "[null]"], [[True], [None]], id="of arrays of arrays only whether an element is there"),
    ],
)
def test_values_have_the_type_that_holds_all_of_them(values, expected_values):
    _, accepted, reasons = read([f'{{"a": {value}}}' for value in values])

    assert [row[0] for row in accepted] == expected_values
    assert not any(reasons)


def test_an_array_with_an_element_of_another_shape_is_refused():
    assert read(['{"a": [1, 2]}', '{"a": [1, {}]}'])[1:] == ([([1, 2],)], [0, SHAPE])


def test_objects_are_features_of_their_own_where_that_is_asked_for():
    lines = ['{"o": {"p": 1, "q": {"r": "x"}}, "z": 1}', '{"o": 5, "z": 2}', '{"o": {"p": 2}, "z": 3}']

    names, accepted, reasons = read(lines, flatten=True)

    assert names == ("o.p", "o.q.r", "z")
    assert (accepted, reasons) == ([(1, "x", 1), (2, None, 3)], [0, SHAPE, 0])


def test_an_object_that_is_opened_may_have_none_in_it():
    lines = ['{"o": {"p": 1}}', '{"o": {"p": 2}}', '{"o": {"p": {"q": 1}}}']

    assert read(lines, flatten=False, opened=["o"]) == (("o.p",), [(1,), (2,)], [0, 0, SHAPE])


def test_a_member_called_like_a_path_is_refused_beside_it():
    with pytest.raises(BadInput, match=r"a member 'o\.p' and a member of an object have one name; rename one of them"):
        read(['{"o": {"p": 1}, "o.p": 2}'], flatten=True)


def test_an_object_in_most_records_is_a_fault_of_the_data():
    with pytest.raises(BadInput, match="feature 'a' is a nested object; write --flatten-json"):
        read(['{"a": {"b": 1}}', '{"a": {"b": 1}}', '{"a": 1}'])


def test_a_document_has_many_records_of_which_some_are_refused():
    document = json.dumps([{"a": 1}, 5, [{"a": 1}], {"a": [1]}, {"a": 2}])

    assert read([document], whole_files=True) == (("a",), [(1,), (2,)], [0, 5, 5, SHAPE, 0])


@pytest.mark.parametrize("odd", [b'{"a": "\xe9"}', b'{"\xff": 1}', b'{"a": ["\xc3"]}', b'"\xed\xa0\x80"'])
def test_a_record_of_a_document_that_is_not_utf_8_is_refused_and_no_other(odd):
    document = b'[{"a": "\xc3\xa9"}, ' + odd + b', {"a": "x"}]'

    assert [*_read_document(document, "file")] == [({"a": "\xe9"}, 0), ({}, Refusal.NOT_UTF_8), ({"a": "x"}, 0)]


def test_more_names_than_are_taken_are_a_sentence(monkeypatch):
    monkeypatch.setattr(json_features, "MAX_COLUMNS", 10)
    sentence = "more than 10 different members; if these are called by values, such as ids"

    assert len(read([json.dumps({f"n{number}": 1}) for number in range(10)])[0]) == 10
    for parts in (1, 5):
        with pytest.raises(BadInput, match=sentence):
            read([json.dumps({f"n{number}": 1}) for number in range(11)], parts=parts)
    with pytest.raises(BadInput, match=sentence):
        read([json.dumps({"o": {f"n{number}": 1}}) for number in range(11)], flatten=True)


def test_records_that_have_no_name_in_common_are_no_lack_of_objects():
    sentence = "each of 300 members is in few records; if these are called by values, such as ids, write them as values"

    with pytest.raises(BadInput, match=sentence):
        read([json.dumps({f"user-{number}": 1}) for number in range(300)])


MANY_NAMES = {f"k{number}": 1 for number in range(20_001)}
DEEP = json.loads('{"a":' * 900 + "1" + "}" * 900)


@pytest.mark.parametrize("whole_files", [False, True])
def test_a_record_with_an_excess_is_refused_and_the_others_are_read(whole_files):
    inner_names = {"a": MANY_NAMES}
    reason_of_names = Refusal.TOO_MANY_NAMES
    excesses = [(MANY_NAMES, reason_of_names), (inner_names, reason_of_names), (DEEP, DEEPER)]
    for odd, reason in excesses:
        records = [{"a": 1}, odd, {"a": 2}]
        texts = list(map(json.dumps, records))
        if whole_files:
            texts = [json.dumps(records)]
        expected = ("a",), [(1,), (2,)], [0, reason, 0]
        assert read(texts, whole_files=whole_files) == expected


def test_layouts_beyond_those_that_are_distinguished_are_one(monkeypatch):
    monkeypatch.setattr(json_features, "MAX_LAYOUTS", 2)
    lines = [json.dumps({"a": 1, f"n{number}": [1]}) for number in range(6)]
    expected = partial(read, lines)

    names, accepted, reasons = expected()

    assert names == ("a", *(f"n{number}" for number in range(6)))
    assert len(accepted) == 6
    assert not any(reasons)


def test_of_equally_many_shapes_plain_comes_before_arrays_and_arrays_before_objects():
    assert read(['{"a": 1}', '{"a": [1]}'])[1:] == ([(1,)], [0, SHAPE])
    assert read(['{"a": [1]}', '{"a": {"b": 1}}'], flatten=True)[1:] == ([([1],)], [0, SHAPE])


def test_an_object_in_half_of_the_records_is_no_fault_of_the_data():
    lines = ['{"z": 1}', '{"z": 2}', '{"z": 3, "a": {"b": 1}}', '{"z": 4, "a": {"b": 1}}']

    assert read(lines) == (("z",), [(1,), (2,)], [0, 0, SHAPE, SHAPE])


def test_names_that_hardly_a_record_has_are_reported():
    lines = [f'{{"o": {{"p": {number}}}}}' for number in range(300)]
    texts = [*lines, '{"o": {"p": 1}, "more": 1}']
    batch = pa.RecordBatch.from_pydict({"line": texts, "file": ["f"] * 301})

    def rare(count):
        odd = [pa.RecordBatch.from_pydict({"line": ['{"more": 1}'], "file": ["f"]})] * count
        return choose_features(list(infer_members(False, [batch, *odd])), "data", flatten=True).rare

    assert rare(0) == rare(2) == ("more",)
    assert rare(3) == ()


@pytest.mark.parametrize("records", [4, 61, 99])
def test_a_name_of_a_single_record_among_few_is_reported(records):
    ordinary_line = '{"o": {"p": 1}}'
    odd = {
        '{"o": {"p": 1}, "more": 1}': ("more",),
        '{"o": {"p": 1, "more": 1}}': ("o.more",),
        ordinary_line: (),
    }
    for line, rare in odd.items():
        lines = [line] + [ordinary_line] * (records - 1)
        batch = pa.RecordBatch.from_pydict({"line": lines})
        layouts = list(infer_members(False, [batch]))
        features = choose_features(layouts, "data", flatten=True)
        assert features.rare == rare
        assert features.excluded_members == ()


def test_names_of_odd_records_are_no_features_as_long_as_there_is_room_to_tell(monkeypatch):
    lines = ['{"a": 1}', '{"a": 2}', '{"a": [1], "more": 7}']

    monkeypatch.setattr(json_features, "MAX_COLUMNS", 3)
    assert read(lines)[0] == ("a",)
    monkeypatch.setattr(json_features, "MAX_COLUMNS", 2)
    assert read(lines)[0] == ("a", "more")
    monkeypatch.undo()
    monkeypatch.setattr(json_features, "MAX_LAYOUTS", 1)
    assert read(lines)[0] == ("a", "more")
