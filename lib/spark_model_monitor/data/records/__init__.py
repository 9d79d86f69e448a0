"""Decodes captured or merged lines and JSON documents: features, labels, predictions and probabilities. Pure."""

INPUT = "endpointInput"  # the half with the model's request
ENDPOINT_INDEXES = (INPUT, "endpointOutput")
INDEX_NAMES = (*ENDPOINT_INDEXES, "batchTransformOutput")
"""The allowed values of `captureIndexNames`: the members of `captureData`."""

REQUEST_METADATA = "requestMetadata"  # our own member next to `captureData`; docs/capture.md
REQUEST_LOG = "requestLog"  # our own member of the lines that a request log is converted to
RECORD = "record"  # the member of REQUEST_LOG with a refused record, in base64
OUTPUT_INDEXES = INDEX_NAMES[1:]
"""The halves with the model's reply."""

CSV = "CSV"
JSON = "JSON"
BASE64 = "BASE64"
ENCODINGS = (CSV, JSON, BASE64)
"""The encodings of a half."""

GROUND_TRUTH = "groundTruthData"  # the member of a merged record with the observed label
