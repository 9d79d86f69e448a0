"""Lines and their decoder as a frame. Driver only; starts no Spark job.

The decoder runs on the executors in either way: a scan decodes and profiles in one pass (`raw` and `decoding`), and whoever
wants a frame of the features has `frame`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame

from model_monitor.reading.text_lines import TextLines
from model_monitor.records.decoded_rows import Decoder, Decoding
from model_monitor.records.places import PLACES
from model_monitor.records.refusals import CELLS, REASON

PLACES_DDL = "{} string, {} string, {} long".format(*PLACES)


@dataclass(frozen=True)
class DecodedLines:
    """Lines, what they mean, and the frame that they are.

    frame: the features c0, c1, …, REASON, CELLS if the decoder counts them, and the places.
    """

    lines: TextLines
    decoding: Decoding
    frame: DataFrame

    @classmethod
    def of(cls, lines: TextLines, decoder: Decoder, kept: Sequence[int] | None = None) -> DecodedLines:
        """The lines through a decoder. kept: which of its features, by position; all of them without it."""
        decoding = Decoding(decoder, tuple(range(decoder.features) if kept is None else kept))
        ddl = [f"c{position} string" for position in range(len(decoding.kept))]
        ddl += [f"{REASON} int", *([f"{CELLS} int"] if decoder.counts_cells else []), PLACES_DDL]
        looked_at = (*PLACES, *(name for name in decoder.inputs if name not in PLACES))
        frame = lines.of(*looked_at).mapInArrow(decoding.with_places, ", ".join(ddl))
        return cls(lines, decoding, frame)

    @property
    def raw(self) -> DataFrame:
        """What of the lines the decoder looks at."""
        return self.lines.of(*self.decoding.decoder.inputs)

    def of_features(self, positions: Sequence[int]) -> DecodedLines:
        """The same lines with some of the features."""
        kept = self.decoding.kept
        return DecodedLines.of(self.lines, self.decoding.decoder, [kept[position] for position in positions])
