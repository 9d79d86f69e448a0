"""Headers of a request to a model, in lower case, and the statuses of requests that were not answered to the end.

Source: botocore's model of sagemaker-runtime, InvokeEndpoint: where its client puts InferenceId and CustomAttributes.
"""

from __future__ import annotations

CONTENT_TYPE = "content-type"
INFERENCE_ID = "x-amzn-sagemaker-inference-id"
CONTENT_LENGTH = "content-length"
CUSTOM_ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"

SERVER_ERROR = 500
"""Of an application that raised."""

CLIENT_CLOSED_REQUEST = 499
"""Of a client that did not wait for the answer, as proxies log it."""
