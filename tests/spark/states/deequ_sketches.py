"""Sketches that Deequ's own scan makes of the column `value` of a frame."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

from spark_model_monitor.statistics.states import KllSketch

if TYPE_CHECKING:
    from py4j.java_gateway import JavaObject
    from pyspark.sql import DataFrame, SparkSession


def scan_sketch(spark: SparkSession, frame: DataFrame, k: int = 2048, c: float = 0.64) -> JavaObject:
    """The KLLState of the scan."""
    analyzers = spark._jvm.com.amazon.deequ.analyzers
    option = spark._jvm.scala.Option
    analyzer = analyzers.KLLSketch("value", option.apply(analyzers.KLLParameters(k, c, 10)))
    states = analyzers.InMemoryStateProvider()
    sequence = spark._jvm.scala.collection.JavaConverters.asScalaBufferConverter([analyzer]).asScala().toSeq()
    analyzers.runners.KLLRunner.computeKLLSketchesInExtraPass(
        frame._jdf, sequence, option.empty(), option.apply(states)
    )
    return states.load(analyzer).get()


def read_sketch(spark: SparkSession, state: JavaObject) -> KllSketch:
    """The sketch of a KLLState as ours: big-endian, k and c first, then its compactors."""
    serializer = spark._jvm.com.amazon.deequ.analyzers.catalyst.KLLSketchSerializer.serializer()
    blob = bytes(serializer.serialize(state.qSketch()))
    k, c, *_, height = struct.unpack_from(">idiiii", blob)
    # Of each compactor, how often it has compacted, where it goes on, and its items
    levels = []
    compactions = []
    offsets = []
    start = 28
    for _ in range(height):
        compacted, offset, length = struct.unpack_from(">iii", blob, start)
        levels.append(np.frombuffer(blob, ">f8", length, start + 12).astype(np.float64))
        start += 12 + 8 * length
        compactions.append(compacted)
        offsets.append(offset)
    return KllSketch(tuple(levels), tuple(compactions), tuple(offsets), k, c)
