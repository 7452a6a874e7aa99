"""The shop, as the contract kit needs it."""

import tempfile
from pathlib import Path

import csvshop

FOLDER = Path(tempfile.mkdtemp(prefix="csvshop-"))
FILE, AWAY = FOLDER / "products.csv", FOLDER / "away.csv"
HEAD = "sku,name,price,changed\n"
asked = []


def reset():
    asked.clear()
    AWAY.unlink(missing_ok=True)
    lines = [f"P{n},Product {n},{n}.50,2026-01-0{n}T00:00:00+00:00\n" for n in range(1, 9)]
    FILE.write_text(HEAD + "".join(lines))


def counted(path, read=csvshop.rows):
    asked.append(path)
    return read(path)


csvshop.rows = counted


def settings():
    return {"folder": str(FOLDER)}


def requests():
    return len(asked)


def texts():
    return FILE.read_text() if FILE.exists() else ""


def keys(entity):
    return [line.split(",")[0] for line in texts().splitlines()[1:]]


def change(entity):
    FILE.write_text(texts().replace("P1,Product 1,1.50,2026-01-01", "P1,Product 1,1.75,2026-02-01"))


def spoil(entity):
    FILE.write_text(texts().replace("2.50", "two"))


def break_off(entity):
    FILE.rename(AWAY)


def mend(entity):
    AWAY.rename(FILE) if AWAY.exists() else None
