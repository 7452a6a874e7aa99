"""The shop, as the contract kit needs it."""

import tempfile
from pathlib import Path

FILE = Path(tempfile.mkdtemp(prefix="csvshop-")) / "products.csv"
ROWS = "sku,price,changed\n" + "".join(f"P{n},{n}.50,2026-01-0{n}T00:00:00+00:00\n" for n in range(1, 9))
SOURCE = "csvshop.rows"  # its calls are counted


def reset(entity=None):
    FILE.write_text(ROWS)


def settings():
    return {"file": str(FILE)}


def texts():
    return FILE.read_text() if FILE.exists() else ""


def keys(entity):
    return [line.split(",")[0] for line in texts().splitlines()[1:]]


def change(entity):
    FILE.write_text(ROWS.replace("P1,1.50,2026-01", "P1,1.75,2026-02"))


def spoil(entity):
    FILE.write_text(ROWS.replace("2.50", "two"))


def break_off(entity):
    FILE.unlink()


mend = reset
