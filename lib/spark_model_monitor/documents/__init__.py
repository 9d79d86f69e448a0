"""The contract's files as frozen pydantic models: read leniently, written exactly; an error names its JSON path.

Runs on the driver only, pure. One module per document; `document.py` has their common base, `json_text.py` the format of the
JSON text.
"""
