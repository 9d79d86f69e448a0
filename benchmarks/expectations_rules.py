"""The twenty rules of expectations.py, and the rows that they are about; for every contestant. Numpy, pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd

COUNTRIES = ["AT", "CH", "DE", "ES", "FR", "IT", "PL"]
RANGES = {"age": (0, 120), "amount": (0, 5000), "rate": (0, 1), "items": (1, 50), "score": (-10, 10)}
DOMAINS = {"country": COUNTRIES, "status": ["new", "paid", "sent"]}
PATTERNS = {"code": "[A-Z]{2}[0-9]{4}", "mail": r"[a-z0-9]+@[a-z]+\.com", "zip": "[0-9]{5}"}
LENGTHS = {"code": 6, "zip": 5}
PRESENT = ["age", "amount", "country", "code"]
KEYS = ["id"]
ORDERED = [("start", "end"), ("low", "high"), ("low", "score")]
"""Five, two, three, two, four, one and three: twenty."""

FAULTS = 50  # rows that each rule finds, about


def rows(count: int) -> pd.DataFrame:
    """Rows that break each rule a few times."""
    random = np.random.default_rng(4)
    numbers = random.integers(0, 10_000, count)
    frame = pd.DataFrame(
        {
            "id": np.arange(count),
            "age": random.integers(0, 90, count).astype(float),
            "amount": random.uniform(0, 4000, count),
            "rate": random.random(count),
            "items": random.integers(1, 40, count),
            "score": random.normal(size=count).clip(-9, 9),
            "country": random.choice(COUNTRIES, count),
            "status": random.choice(DOMAINS["status"], count),
            "code": [f"AB{number:04d}" for number in numbers.tolist()],
            "mail": [f"u{number}@shop.com" for number in numbers.tolist()],
            "zip": [f"{number:05d}" for number in numbers.tolist()],
            "start": random.integers(0, 100, count),
        }
    )
    frame["end"] = frame["start"] + random.integers(0, 9, count)
    frame["low"], frame["high"] = frame["score"] - 1, frame["score"] + 1

    def choose_rows(seed: int) -> np.ndarray:
        return np.random.default_rng(seed).choice(count, FAULTS, replace=False)

    wrong = {"age": -1.0, "amount": 9000.0, "rate": 1.5, "items": 0, "country": "XX", "status": "lost"}
    wrong |= {"code": "ab12", "mail": "nobody", "zip": "123", "end": -1, "high": -99.0}
    for seed, (name, value) in enumerate(wrong.items()):
        frame.loc[choose_rows(seed), name] = value
    for seed, name in enumerate(PRESENT):
        frame.loc[choose_rows(100 + seed), name] = None
    frame.loc[choose_rows(200), "id"] = 7
    frame.loc[choose_rows(201), "score"] = -99.0
    return frame
