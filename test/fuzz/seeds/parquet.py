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
