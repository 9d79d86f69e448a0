"""Lines and their decoder as rows of features. Driver only; nothing is read here.

The decoder runs where the partitions are in either way: a scan decodes and profiles in one pass (`raw` and `decoding`), and
whoever wants the rows of the features has `rows`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from model_monitor.engine.protocol import Engine, Lines, Partitions
from model_monitor.records.decoded_rows import Decoder, Decoding
from model_monitor.records.places import PLACES
from model_monitor.records.refusals import CELLS, REASON

PLACE_FIELDS = tuple(
    pa.field(name, data_type) for name, data_type in zip(PLACES, (pa.string(), pa.string(), pa.int64()), strict=True)
)


@dataclass(frozen=True)
class DecodedLines:
    """Lines, and what they mean."""

    lines: Lines
    decoding: Decoding

    @classmethod
    def of(cls, lines: Lines, decoder: Decoder) -> DecodedLines:
        """The lines with all features of a decoder."""
        return cls(lines, Decoding(decoder, tuple(range(decoder.features))))

    @property
    def engine(self) -> Engine:
        return self.lines.engine

    @property
    def raw(self) -> Partitions:
        """What of the lines the decoder looks at."""
        return self.lines.partitions(*self.decoding.decoder.inputs)

    @property
    def columns(self) -> tuple[str, ...]:
        """Those of the rows."""
        return tuple(self._schema.names)

    @property
    def rows(self) -> Partitions:
        """The features c0, c1, …, REASON, CELLS if the decoder counts them, and the places."""
        looked_at = (*PLACES, *(name for name in self.decoding.decoder.inputs if name not in PLACES))
        return self.lines.partitions(*looked_at).mapped(self.decoding.with_places, self._schema)

    @property
    def _schema(self) -> pa.Schema:
        features = [pa.field(f"c{position}", pa.string()) for position in range(len(self.decoding.kept))]
        counted = [REASON, CELLS] if self.decoding.decoder.counts_cells else [REASON]
        return pa.schema([*features, *(pa.field(name, pa.int32()) for name in counted), *PLACE_FIELDS])

    def of_features(self, positions: Sequence[int]) -> DecodedLines:
        """The same lines with some of the features."""
        kept = self.decoding.kept
        return DecodedLines(
            self.lines, Decoding(self.decoding.decoder, tuple(kept[position] for position in positions))
        )
