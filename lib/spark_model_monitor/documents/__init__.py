"""The contract's files as frozen pydantic models: read leniently, written exactly; an error names its JSON path.

Driver only, pure. One module per document; `document.py` has what they share, `json_text.py` the format of their text.
"""
