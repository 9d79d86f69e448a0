"""Distinct counts, from the same HyperLogLog++ registers as Spark's approx_count_distinct."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import field
from typing import TypeAlias

import numpy as np

from spark_model_monitor.statistics import Bytes, Doubles, Hashes, Integers
from spark_model_monitor.statistics.states.encoding import Parameters, State, register_state, require_equal
from spark_model_monitor.value_class import value_class

LINEAR_COUNTING_LIMIT = 400.0  # linear counting is preferred up to this estimate


Registers: TypeAlias = Bytes  # shape (REGISTERS,), from 0 to 56

PRECISION = 9  # ceil(2 · log2(1.106 / 0.05)): bits of a hash that select its register
REGISTERS = 2**PRECISION

RAW_ESTIMATES: Doubles = np.fromstring(
    """
    369.0 374.8294 381.2452 387.6698 394.1464 400.2024 406.8782 413.6598 420.462 427.2826 433.7102 440.7416 447.9366
    455.1046 462.285 469.0668 476.306 483.8448 491.301 498.9886 506.2422 513.8138 521.7074 529.7428 537.8402 545.1664
    553.3534 561.594 569.6886 577.7876 585.65 594.228 602.8036 611.1666 620.0818 628.0824 637.2574 646.302 655.1644
    664.0056 672.3802 681.7192 690.5234 700.2084 708.831 718.485 728.1112 737.4764 746.76 756.3368 766.5538 775.5058
    785.2646 795.5902 804.3818 814.8998 824.9532 835.2062 845.2798 854.4728 864.9582 875.3292 886.171 896.781 906.5716
    916.7048 927.5322 937.875 949.3972 958.3464 969.7274 980.2834 992.1444 1003.4264 1013.0166 1024.018 1035.0438
    1046.34 1057.6856 1068.9836 1079.0312 1091.677 1102.3188 1113.4846 1124.4424 1135.739 1147.1488 1158.9202 1169.406
    1181.5342 1193.2834 1203.8954 1216.3286 1226.2146 1239.6684 1251.9946 1262.123 1275.4338 1285.7378 1296.076
    1308.9692 1320.4964 1333.0998 1343.9864 1357.7754 1368.3208 1380.4838 1392.7388 1406.0758 1416.9098 1428.9728
    1440.9228 1453.9292 1462.617 1476.05 1490.2996 1500.6128 1513.7392 1524.5174 1536.6322 1548.2584 1562.3766
    1572.423 1587.1232 1596.5164 1610.5938 1622.5972 1633.1222 1647.7674 1658.5044 1671.57 1683.7044 1695.4142
    1708.7102 1720.6094 1732.6522 1747.841 1756.4072 1769.9786 1782.3276 1797.5216 1808.3186 1819.0694 1834.354
    1844.575 1856.2808 1871.1288 1880.7852 1893.9622 1906.3418 1920.6548 1932.9302 1945.8584 1955.473 1968.8248
    1980.6446 1995.9598 2008.349 2019.8556 2033.0334 2044.0206 2059.3956 2069.9174 2082.6084 2093.7036 2106.6108
    2118.9124 2132.301 2144.7628 2159.8422 2171.0212 2183.101 2193.5112 2208.052 2221.3194 2233.3282 2247.295
    2257.7222 2273.342 2286.5638 2299.6786 2310.8114 2322.3312 2335.516 2349.874 2363.5968 2373.865 2387.1918
    2401.8328 2414.8496 2424.544 2436.7592 2447.1682 2464.1958 2474.3438 2489.0006 2497.4526 2513.6586 2527.19
    2540.7028 2553.768
    """,
    sep=" ",
)
"""The mean raw estimates of 201 counts, evenly spaced from one to five values per register. Source:
HyperLogLogPlusPlusHelper of Spark 3.5."""

_COUNTS = np.floor(np.linspace(1, 5 * REGISTERS, len(RAW_ESTIMATES))).tolist()
BIASES = np.array([float(f"{raw - count:.15g}") for raw, count in zip(RAW_ESTIMATES.tolist(), _COUNTS, strict=True)])
"""The bias of each raw estimate, with 15 digits as in Spark's table."""

MAX_BUFFERED_HASHES = 4096
"""The number of hashes that are buffered. Later in a long partition, only a few hashes of a block can raise a register."""

REGISTERS_PER_WORD = 10  # of 6 bits each, in a long
_REGISTER_BITS = 6
_AVERAGED_NEIGHBOURS = 6  # entries of the bias table that are averaged: K in Spark
_ALPHA = 0.7213 / (1.0 + 1.079 / REGISTERS)

_REGISTER_SHIFT = np.uint64(64 - PRECISION)
_LEADING_BITS = 31  # leading bits after those that select the register; they fit into an int32 and decide nearly always
_LEADING_SHIFT = np.uint64(64 - PRECISION - _LEADING_BITS)
_LEADING_MASK = np.uint32((1 << _LEADING_BITS) - 1)
_TAIL_MASK = np.uint64((1 << (64 - PRECISION)) - 1)
_LONGEST_RUN = 64 - PRECISION  # of leading zeros, if all other bits are 0
_MANTISSA_BITS = 52
_EXPONENT_OFFSET = 1023


def _create_registers() -> Registers:
    return np.zeros(REGISTERS, dtype=np.uint8)


@register_state
@value_class(eq=False)
class DistinctRegisters(State):
    """HyperLogLog++ registers of the values so far.

    registers: 0 for a register without a hash, else one more than the longest run of leading zeros among its hashes.
    """

    KIND = "distinct"

    registers: Registers = field(default_factory=_create_registers)

    def words(self) -> tuple[int, ...]:
        """The registers as Spark and Deequ pack them: 52 longs of ten registers, the first in the lowest bits."""
        padded = np.zeros(-(-REGISTERS // REGISTERS_PER_WORD) * REGISTERS_PER_WORD, dtype=np.int64)
        padded[:REGISTERS] = self.registers
        shifted = padded.reshape(-1, REGISTERS_PER_WORD) << (_REGISTER_BITS * np.arange(REGISTERS_PER_WORD))
        return tuple(np.bitwise_or.reduce(shifted, axis=1).tolist())

    def estimate(self) -> int:
        """Estimated number of distinct values, equal to Spark's `approx_count_distinct(column, 0.05)`."""
        return self._estimate(2.5 * REGISTERS)

    def estimate_of_deequ(self) -> int:
        """The estimate of Deequ's ApproxCountDistinct, which uses linear counting up to fewer values.

        Source: DeequHyperLogLogPlusPlusUtils.count of Deequ 2.1.0.
        """
        return self._estimate(0.0)

    def _estimate(self, linear_up_to: float) -> int:
        """The estimate. linear_up_to: the largest raw estimate for which linear counting is always used."""
        shares = np.ldexp(1.0, -self.registers.astype(np.int32))  # 2^-register
        raw = _ALPHA * REGISTERS * REGISTERS / float(np.add.accumulate(shares)[-1])
        empty_registers = REGISTERS - int(np.count_nonzero(self.registers))
        if empty_registers:
            # So many values leave this number of registers empty
            linear_count = REGISTERS * math.log(REGISTERS / empty_registers)
            if linear_count <= LINEAR_COUNTING_LIMIT or raw <= linear_up_to:
                return _round_half_up(linear_count)
        return _round_half_up(raw - _estimate_bias(raw) if raw < 5.0 * REGISTERS else raw)

    def __add__(self, addend: DistinctRegisters) -> DistinctRegisters:
        """The exact registers of the values of both sides."""
        require_equal(self.KIND, "the number of registers", len(self.registers), len(addend.registers))
        return DistinctRegisters(np.maximum(self.registers, addend.registers))

    def payload(self) -> tuple[Parameters, bytes]:
        """One byte per register."""
        return {"p": PRECISION}, self.registers.astype(np.uint8).tobytes()

    @classmethod
    def from_payload(cls, parameters: Parameters, payload: bytes) -> DistinctRegisters:
        require_equal(cls.KIND, "p", PRECISION, parameters["p"])
        cls.require_size(payload, REGISTERS)
        return cls(np.frombuffer(payload, dtype=np.uint8))


class DistinctBuilder:
    """Builds registers from hashes. Neither order nor blocks change the result."""

    def __init__(self) -> None:
        self._registers = _create_registers()
        # The bits after the register's; a hash can raise a register only if they are 0
        self._leading_bits = np.uint64(0)
        self._buffer: list[Hashes] = []
        self._free_buffer = MAX_BUFFERED_HASHES

    def update(self, hashes: Hashes) -> None:
        """Take the hashes of present values (`hashing.xxhash64`, `hashing.hash_texts`, or Spark's)."""
        if self._leading_bits:
            hashes = hashes[(hashes & self._leading_bits) == 0]
        if len(hashes):
            self._buffer.append(hashes)
            self._free_buffer -= len(hashes)
        if self._free_buffer <= 0:
            _raise_registers(self._registers, np.concatenate(self._buffer), 0)
            self._buffer = []
            self._free_buffer = MAX_BUFFERED_HASHES
            # A hash with fewer leading zeros than the lowest register can't raise any register and is skipped from now on.
            # With many different values this is nearly every hash: with the lowest register at 8, one hash in 256 remains.
            lowest = int(self._registers.min())
            self._leading_bits = np.uint64(((1 << lowest) - 1) << (64 - PRECISION - lowest))

    def state(self) -> DistinctRegisters:
        """The registers of all values so far; later updates do not change it."""
        return DistinctBuilder.states([self])[0]

    @staticmethod
    def states(builders: Sequence[DistinctBuilder]) -> list[DistinctRegisters]:
        """The `state` of each builder. Their buffered hashes raise all registers in one step, which is faster for few
        hashes.
        """
        registers = np.stack([builder._registers for builder in builders])
        hashes = [
            np.concatenate(builder._buffer) if builder._buffer else np.empty(0, np.uint64) for builder in builders
        ]
        first_registers = np.repeat(REGISTERS * np.arange(len(builders)), [*map(len, hashes)])
        _raise_registers(registers.reshape(-1), np.concatenate(hashes), first_registers)
        return [*map(DistinctRegisters, registers)]


def _raise_registers(registers: Registers, hashes: Hashes, first: int | Integers) -> None:
    """Raise registers by hashes, in place. first: the index of the first register of the hashes' column."""
    leading = (hashes >> _LEADING_SHIFT).astype(np.uint32)
    leading &= _LEADING_MASK
    # The exponent of a double is the position of its leading one bit.
    leading_positions = leading.view(np.int32).astype(np.float64).view(np.int64)
    leading_positions >>= _MANTISSA_BITS
    # One more than the number of leading zeros
    ranks = (_EXPONENT_OFFSET + _LEADING_BITS - leading_positions).astype(np.uint8)
    for index in np.flatnonzero(leading == 0):  # one hash in two thousand million
        ranks[index] = _LONGEST_RUN + 1 - int(hashes[index] & _TAIL_MASK).bit_length()
    np.maximum.at(registers, first + (hashes >> _REGISTER_SHIFT).view(np.int64), ranks)


def _estimate_bias(raw: float) -> float:
    """The mean bias of the six raw estimates in the table closest to this one.

    Source: HyperLogLogPlusPlusHelper.estimateBias of Spark 3.5.
    """
    low = max(int(np.searchsorted(RAW_ESTIMATES, raw)) - _AVERAGED_NEIGHBOURS + 1, 0)
    high = min(low + _AVERAGED_NEIGHBOURS, len(RAW_ESTIMATES))
    while high < len(RAW_ESTIMATES) and abs(raw - RAW_ESTIMATES[high]) < abs(raw - RAW_ESTIMATES[low]):
        low = low + 1
        high = high + 1
    return float(np.add.accumulate(BIASES[low:high])[-1]) / (high - low)


def _round_half_up(estimate: float) -> int:
    """Round halves up, like java.lang.Math.round."""
    return math.floor(estimate + 0.5)
