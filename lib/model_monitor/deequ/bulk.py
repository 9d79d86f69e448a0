"""Handing many states over to Deequ in one call.

A call from Python into the JVM takes 40 µs, and one state of one analyzer takes five of them: of 1,000 columns that would be
two seconds. So the numbers of all states travel as one array of bytes, and a few lines of Java, which Spark's own compiler for
generated code (Janino) turns into a class, make Deequ's analyzers and states of them.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import Any

from model_monitor.deequ.jvm import Deequ
from model_monitor.statistics.states import FeatureProfile, Profile

_SOURCE = """
package model_monitor;

import com.amazon.deequ.analyzers.*;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import scala.Option;

public class StatesInBulk {
  /** Persists the states in `content` and gives their analyzers, in its order. */
  public List persist(byte[] content, InMemoryStateProvider states) {
    Option none = Option.apply(null);
    ByteBuffer numbers = ByteBuffer.wrap(content);
    List analyzers = new ArrayList();
    while (numbers.hasRemaining()) {
      char kind = (char) numbers.get();
      String column = "c" + numbers.getInt();
      Analyzer analyzer;
      State state;
      switch (kind) {
        case 'C':
          analyzer = new Completeness(column, none, none);
          state = new NumMatchesAndCount(numbers.getLong(), numbers.getLong(), none);
          break;
        case 'A':
          long[] words = new long[numbers.getInt()];
          for (int word = 0; word < words.length; word++) words[word] = numbers.getLong();
          analyzer = new ApproxCountDistinct(column, none);
          state = new ApproxCountDistinctState(words);
          break;
        case 'M':
          analyzer = new Mean(column, none);
          state = new MeanState(numbers.getDouble(), numbers.getLong());
          break;
        case 'S':
          analyzer = new Sum(column, none);
          state = new SumState(numbers.getDouble());
          break;
        case 'D':
          analyzer = new StandardDeviation(column, none);
          state = new StandardDeviationState(numbers.getDouble(), numbers.getDouble(), numbers.getDouble());
          break;
        case '<':
          analyzer = new Minimum(column, none, none);
          state = new MinState(numbers.getDouble(), none);
          break;
        case '>':
          analyzer = new Maximum(column, none, none);
          state = new MaxState(numbers.getDouble(), none);
          break;
        default:
          throw new IllegalArgumentException("no state is of kind " + kind);
      }
      states.persist(analyzer, state);
      analyzers.add(analyzer);
    }
    return analyzers;
  }
}
"""


def persisted(deequ: Deequ, profile: Profile, states: Any) -> Any:
    """Deequ's analyzers of every metric of the profile's features that has a state, as a Java list.

    states: the InMemoryStateProvider that gets the states. Features are known to Deequ by position: c0, c1, ….
    """
    content = b"".join(
        entry for position, feature in enumerate(profile.features) for entry in _entries(position, feature)
    )
    return deequ.compiled("model_monitor.StatesInBulk", _SOURCE).persist(content, states)


def _entries(position: int, feature: FeatureProfile) -> Iterator[bytes]:
    """What `persist` reads, one entry for each state of a feature.

    What is not finite is left out: Deequ's JSON has no form for it.
    """

    def entry(kind: bytes, form: str, *numbers: float) -> bytes:
        return struct.pack(f">ci{form}", kind, position, *numbers)

    rows = feature.num_present + feature.num_missing
    if rows:
        yield entry(b"C", "qq", feature.num_present, rows)
    if feature.distinct is not None:
        words = feature.distinct.words()
        yield entry(b"A", f"i{len(words)}q", len(words), *words)
    moments = feature.moments
    if moments is None or not feature.is_numeric or not moments.count:
        return
    if math.isfinite(moments.sum):
        yield entry(b"M", "dq", moments.sum, moments.count)
        yield entry(b"S", "d", moments.sum)
    if math.isfinite(moments.mean) and math.isfinite(moments.m2):
        yield entry(b"D", "ddd", moments.count, moments.mean, moments.m2)
    yield entry(b"<", "d", moments.minimum)
    yield entry(b">", "d", moments.maximum)
