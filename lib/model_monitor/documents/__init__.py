"""The contract's files as frozen pydantic models: read leniently, written exactly; an error names its JSON path.

Driver only, pure. `statistics.py` and `constraints.py` hold the documents, `json_text.py` the text they are written in,
`document.py` and `values.py` what they share, `tables.py` flat rows of them for people.
"""
