"""Run by the SDK's interpreter: the analysis configurations that it writes for a list of calls, as JSON.

python sdk_bias_config.py < CALLS      each call is [keywords of DataConfig, of BiasConfig, of ModelPredictedLabelConfig or null,
                                       of each SegmentationConfig]
"""

import json
import sys

from sagemaker.clarify import (
    BiasConfig,
    DataConfig,
    ModelPredictedLabelConfig,
    SegmentationConfig,
    _AnalysisConfigGenerator,
)


def config(data, bias, predicted, *segments):
    label = None
    if predicted is not None:
        label = ModelPredictedLabelConfig(**predicted)
    parts = [SegmentationConfig(**segment) for segment in segments] or None
    data_config = DataConfig(**data, segmentation_config=parts)
    return _AnalysisConfigGenerator.bias(data_config, BiasConfig(**bias), None, label, "all", ["DI", "RD"])


if __name__ == "__main__":
    print(json.dumps([config(*call) for call in json.load(sys.stdin)]))
