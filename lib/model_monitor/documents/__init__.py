"""The contract's files as frozen pydantic models: read leniently, written exactly; an error names its JSON path.

Driver only, pure. A document a module; `document.py` has what they share, `json_text.py` the text they are written in.
"""
