"""The halves that a captured record may have."""

ENDPOINT_INDEXES = ("endpointInput", "endpointOutput")
INDEX_NAMES = (*ENDPOINT_INDEXES, "batchTransformOutput")
"""What `captureIndexNames` may list: the members of `captureData`."""
