"""Writes parquet_types.parquet: one column of each type that a table may hold (pyarrow 26)."""

import datetime as dt
import decimal
import sys

import pyarrow as pa
import pyarrow.parquet as pq

day = dt.date(2020, 1, 31)
time = dt.datetime(2020, 1, 31, 13, 30)
hour = dt.timedelta(hours=1)
columns = {
    **{f"{t}": pa.array([1, 2, 100], pa.type_for_alias(t)) for t in
       ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]},
    "float32": pa.array([0.5, -1.0, 2.25], pa.float32()),
    "float64": pa.array([0.1, 1e300, -3.0], pa.float64()),
    "bool": pa.array([True, False, True]),
    "string": pa.array(["b", "a", "b"]),
    "large_string": pa.array(["b", "a", "b"], pa.large_string()),
    "dictionary": pa.array(["b", "a", "b"]).dictionary_encode(),
    "date32": pa.array([day, day + dt.timedelta(days=1), day], pa.date32()),
    "timestamp_ns": pa.array([time, time + hour, time], pa.timestamp("ns")),
    "timestamp_us": pa.array([time, time + hour, time], pa.timestamp("us")),
    "timestamp_ms_utc": pa.array([time, time + hour, time], pa.timestamp("ms", tz="UTC")),
    "nan": pa.array([1.0, float("nan"), None], pa.float64()),
    "nulls": pa.array([None, None, None], pa.null()),
    "decimal": pa.array([decimal.Decimal("1.5")] * 3, pa.decimal128(5, 2)),
    "list": pa.array([[1], [2], [3]]),
    "struct": pa.array([{"a": 1}] * 3),
    "binary": pa.array([b"a", b"b", b"c"]),
    "duration": pa.array([hour, hour, hour], pa.duration("us")),
}
pq.write_table(pa.table(columns), sys.argv[1])
