"""One captured or merged line, or JSON document, as features, label, prediction and probability, as far as it is asked. Pure."""

INPUT = "endpointInput"  # the half that holds what a model is asked
ENDPOINT_INDEXES = (INPUT, "endpointOutput")
INDEX_NAMES = (*ENDPOINT_INDEXES, "batchTransformOutput")
"""What `captureIndexNames` may list: the members of `captureData`."""

REQUEST_METADATA = "requestMetadata"  # ours, beside `captureData`; docs/capture.md
OUTPUT_INDEXES = INDEX_NAMES[1:]
"""The halves that hold what a model answers."""
