#!/usr/bin/env python3
"""The plain way to send a ledger on: sqlite3, json, gzip, requests. usage: upload_plain.py LEDGER CA URL BATCH

Prints records, seconds, and seconds of CPU. The receiver counts and throws away. After each batch the mark is made durable, as it must be."""
import gzip
import json
import os
import resource
import sqlite3
import sys
import tempfile
import time

import requests

ledger, ca, url, batch = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
db = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)
mark = sqlite3.connect(os.path.join(tempfile.mkdtemp(), "mark.db"))
mark.execute("PRAGMA journal_mode = WAL")
mark.execute("PRAGMA synchronous = FULL")
mark.execute("CREATE TABLE mark (seq INTEGER)")
mark.execute("INSERT INTO mark VALUES (0)")
mark.commit()
session = requests.Session()
last = total = 0
before = resource.getrusage(resource.RUSAGE_SELF)
began = time.perf_counter()
while True:
    rows = db.execute(
        "SELECT seq, epoch, kind, boot, mono_ms, wall_ms, clock, salt, payload, hash FROM ledger"
        " WHERE seq > ? ORDER BY seq LIMIT ?", (last, batch)).fetchall()
    if not rows:
        break
    lines = [json.dumps({"head": {"epoch": rows[-1][1], "seq": rows[-1][0], "hash": rows[-1][9].hex()}})]
    for seq, epoch, kind, boot, mono, wall, clock, salt, payload, digest in rows:
        lines.append(json.dumps({
            "boot": boot.hex(), "clock": clock, "epoch": epoch, "hash": digest.hex(), "kind": kind, "mono_ms": mono,
            "payload": json.loads(payload), "salt": salt.hex(), "seq": seq, "state": "present", "wall_ms": wall}))
    body = gzip.compress("\n".join(lines).encode(), 1)
    answer = session.post(url, data=body, verify=ca, headers={
        "content-type": "application/x-ndjson", "content-encoding": "gzip"})
    answer.raise_for_status()
    last = answer.json()["head"]["seq"]
    total += len(rows)
    mark.execute("UPDATE mark SET seq = ?", (last,))
    mark.commit()
elapsed = time.perf_counter() - began
after = resource.getrusage(resource.RUSAGE_SELF)
cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
print(total, elapsed, cpu)
