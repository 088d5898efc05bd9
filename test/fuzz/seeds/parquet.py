"""Writes small Parquet files in the encodings that there are: `python test/fuzz/seeds/parquet.py` (needs pyarrow)."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

here = Path(__file__).parent
rows = 7
table = pa.table(
    {
        "a": pa.array([i / 3 for i in range(rows)], pa.float32()),
        "b": pa.array([-i / 7 for i in range(rows)], pa.float64()),
        "c": pa.array([i * 1000 for i in range(rows)], pa.int64()),
        "d": pa.array([i % 2 == 0 for i in range(rows)], pa.bool_()),
        "label": pa.array([i % 3 for i in range(rows)], pa.int32()),
    }
)
kinds = {
    "plain": dict(compression="none", use_dictionary=False),
    "dictionary": dict(compression="snappy", use_dictionary=True),
    "v2": dict(compression="gzip", use_dictionary=True, data_page_version="2.0"),
    "zstd": dict(compression="zstd", use_dictionary=False, row_group_size=3),
    "split": dict(
        compression="none",
        use_dictionary=False,
        column_encoding={"a": "BYTE_STREAM_SPLIT", "b": "BYTE_STREAM_SPLIT", "c": "DELTA_BINARY_PACKED", "d": "RLE", "label": "DELTA_BINARY_PACKED"},
        data_page_version="2.0",
    ),
}
for name, options in kinds.items():
    pq.write_table(table, here / f"{name}.parquet", store_schema=False, write_statistics=False, **options)

# What is refused, by the kind of its columns, and the other codecs.
import datetime
from decimal import Decimal

x = pa.array([0.5, 1.5, 2.5], pa.float32())
others = {
    "text": pa.array(["a", "bb", ""]),
    "bytes": pa.array([b"a", b"", b"ccc"], pa.binary()),
    "fixed": pa.array([b"ab", b"cd", b"ef"], pa.binary(2)),
    "missing": pa.array([1.5, None, 2.5]),
    "time": pa.array([datetime.datetime(2020, 1, day) for day in (1, 2, 3)], pa.timestamp("us")),
    "decimal": pa.array([Decimal("1.25"), Decimal("2.50"), Decimal("3.75")], pa.decimal128(9, 2)),
    "list": pa.array([[1.0, 2.0], [], [3.0]]),
    "struct": pa.array([{"u": 1, "v": 2.0}] * 3),
    "half": pa.array([0.5, 1.5, 2.5], pa.float16()),
    "unsigned": pa.array([0, 2**63, 2**64 - 1], pa.uint64()),
    "small": pa.array([-1, 0, 1], pa.int8()),
    "none": pa.array([None, None, None], pa.null()),
}
for name, column in others.items():
    pq.write_table(pa.table({"x": x, name: column}), here / f"of-{name}.parquet", compression="none", store_schema=False, write_statistics=False)
for codec in ("brotli", "lz4"):
    pq.write_table(pa.table({"x": x, "y": x}), here / f"{codec}.parquet", compression=codec, store_schema=False, write_statistics=False)
