"""Healthy columns, drawn from a seed: a table of what programs write in different ways, and 80 columns of all kinds."""

from __future__ import annotations

import random
import uuid
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

from tests.unit.data_quality.written_forms import Cell, Columns

START = datetime(2024, 1, 1)
DAYS = 28
WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta")
NOTES = tuple(f'{word}, "{other_word}"' for word in WORDS for other_word in WORDS[:4])
MISSING = 0.15  # of the values in a column that has missing ones


def draw_row(rng: random.Random) -> dict[str, Cell]:
    row: dict[str, Cell] = {
        "score": rng.random(),
        "amount": round(rng.lognormvariate(3, 1), 2),
        "price": rng.choice([9.99, 19.99, 29.99, 4.49]),
        "items": rng.randrange(1, 60),
        "flag": rng.random() < 0.3,
        "day": date(2024, 1, 1) + timedelta(days=rng.randrange(DAYS)),
        "seen": START + timedelta(seconds=rng.randrange(DAYS * 86400)),
        "country": rng.choice(["DE", "FR", "PL", "ES"]),
        "city": rng.choice(["Köln", "São Paulo", "New York", "Málaga"]),
        "postcode": f"0{rng.randrange(1000, 9999)}",
        "note": rng.choice(NOTES),
        "decimal": Decimal(rng.randrange(100, 9999)).scaleb(-2),
        "debt": round(rng.gauss(500, 90), 1),
        "visits": rng.randrange(40),
        "channel": rng.choice(["web", "app", "shop"]),
    }
    for name in ("debt", "visits", "channel"):
        if rng.random() < MISSING:
            row[name] = None
    return row


def draw_columns(rng: random.Random, rows: int) -> Columns:
    drawn = [draw_row(rng) for _ in range(rows)]
    return {name: [row[name] for row in drawn] for name in drawn[0]}


def draw_row_of_kinds(rng: random.Random) -> dict[str, Cell]:
    row: dict[str, Cell] = {}
    row["gauss"] = rng.gauss(0, 1)
    row["negative"] = -abs(rng.gauss(0, 1))
    row["millions"] = rng.gauss(5e6, 1e5)
    row["tiny"] = rng.gauss(0, 1e-9)
    row["score"] = rng.random()
    row["rounded_score"] = round(rng.random(), 3)
    row["third"] = rng.randrange(1, 9) / 3
    row["exponential"] = rng.expovariate(0.01)
    row["cents"] = round(rng.gauss(50, 5), 2)
    row["tenths"] = round(rng.gauss(50, 5), 1)
    row["half"] = rng.randrange(20) / 2
    row["amount"] = round(rng.lognormvariate(3, 1), 2)
    row["price"] = rng.choice([9.99, 19.99, 29.99, 4.49])
    row["price_point"] = round(rng.randrange(60) + 0.99, 2)
    row["rate"] = rng.choice([0.1, 0.2, 0.3, 0.7])
    row["percent"] = round(rng.uniform(0, 100), 1)
    row["temperature"] = round(rng.gauss(10, 8), 1)
    row["mostly_zero"] = 0.0 if rng.random() < 0.6 else round(rng.expovariate(0.1), 2)
    row["latitude"] = round(rng.gauss(52.5, 0.1), 6)
    row["longitude"] = round(rng.gauss(13.4, 0.1), 6)
    row["whole"] = float(rng.randrange(100))
    row["few_whole"] = float(rng.randrange(3))
    row["constant"] = 1.1
    row["age"] = rng.randrange(18, 90)
    row["items"] = int(rng.expovariate(0.2))
    row["zero_one"] = rng.randrange(2)
    row["grade"] = rng.randrange(5)
    row["signed"] = rng.randrange(-50, 50)
    row["year"] = rng.randrange(1990, 2024)
    row["yyyymmdd"] = 20240101 + rng.randrange(28)
    row["hundreds"] = rng.randrange(1, 40) * 100
    row["account"] = rng.randrange(10**11)
    row["seven"] = 7
    row["decimal"] = Decimal(rng.randrange(100, 9999)).scaleb(-2)
    row["whole_decimal"] = Decimal(rng.randrange(1000))
    row["coarse_decimal"] = Decimal(rng.randrange(100)) * Decimal("1.50")
    row["flag"] = rng.random() < 0.3
    row["rare_flag"] = rng.random() < 0.01
    row["never"] = False
    row["day"] = date(2024, 1, 1) + timedelta(days=rng.randrange(28))
    row["birthday"] = date(1950, 1, 1) + timedelta(days=rng.randrange(20000))
    row["time"] = START + timedelta(seconds=rng.randrange(10**6))
    row["microsecond"] = START + timedelta(microseconds=rng.randrange(10**12))
    row["zoned"] = (START + timedelta(seconds=rng.randrange(10**6))).replace(tzinfo=timezone.utc)
    row["country"] = rng.choice(["DE", "FR", "PL", "ES"])
    row["city"] = rng.choice(["Köln", "São Paulo", "New York"])
    row["postcode"] = f"{rng.randrange(99999):05d}"
    row["eastern_postcode"] = f"0{rng.randrange(1000, 9999)}"
    row["british_postcode"] = f"{rng.choice('ABC')}{rng.randrange(1, 99)} {rng.randrange(9)}AB"
    row["article"] = f"SKU-{rng.randrange(10**5):05d}"
    row["uuid"] = str(uuid.UUID(int=rng.getrandbits(128)))
    row["hexadecimal"] = f"{rng.getrandbits(64):016x}"
    row["mail"] = f"{rng.choice(WORDS)}{rng.randrange(9999)}@example.com"
    row["sentence"] = " ".join(rng.choices(WORDS, k=rng.randrange(3, 9)))
    row["comma"] = f"{rng.choice(WORDS)}, {rng.choice(WORDS)}"
    row["quote"] = f'say "{rng.choice(WORDS)}"'
    row["answer"] = rng.choice(["yes", "no"])
    row["initial"] = rng.choice("YN")
    row["mark"] = rng.choice(["A", "B+", "C-"])
    row["phone"] = f"+49 30 {rng.randrange(10**6, 10**7)}"
    row["address"] = ".".join(str(rng.randrange(256)) for _ in range(4))
    row["version"] = rng.choice(["1.0", "1.10", "2.3.1"])
    row["emoji"] = rng.choice(["🙂", "🙁"])
    row["metal"] = rng.choice(["Gold", "silver", "BRONZE"])
    row["link"] = f"https://example.com/{rng.choice(WORDS)}?q={rng.randrange(17)}"
    row["digit_text"] = str(rng.randrange(5))
    row["month"] = rng.choice(["Jan", "Feb", "Mar"])
    row["clock"] = f"{rng.randrange(24):02d}:{rng.randrange(60):02d}"
    row["dashed"] = rng.choice(["self-paid", "insured"])
    return row


WITH_MISSING = (
    "gauss",
    "cents",
    "age",
    "decimal",
    "flag",
    "day",
    "time",
    "country",
    "score",
    "price",
    "items",
    "sentence",
)


def draw_kinds(rng: random.Random, num_rows: int) -> Columns:
    """A column of each of the 80 kinds."""
    rows = [draw_row_of_kinds(rng) for _ in range(num_rows)]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    for name in WITH_MISSING:
        columns[f"missing_{name}"] = [None if rng.random() < 0.1 else value for value in columns[name]]
    return columns
