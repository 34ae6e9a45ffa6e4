#!/usr/bin/env python3
"""Verifies a cabinetd ledger from docs/ledger-format.md alone, with nothing but Python's standard library.

    verify_ledger.py LEDGER [--head EPOCH:SEQ:HASH] [--partial]

LEDGER is the SQLite file (ledger.db) or an export (.jsonl). --partial: a filtered export, whose gaps are no fault.
Exit code 0: sound, 1: not, 2: cannot be read.
"""
import hashlib
import json
import sqlite3
import sys


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def from_sqlite(path):
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    meta = dict(db.execute("SELECT name, value FROM meta"))
    columns = "seq, epoch, kind, boot, mono_ms, wall_ms, clock, salt, payload, digest, hash"
    for seq, epoch, kind, boot, mono, wall, clock, salt, payload, digest, hash_ in db.execute(
        f"SELECT {columns} FROM ledger ORDER BY seq"
    ):
        header = {"boot": boot.hex(), "cabinet": meta["cabinet"], "clock": clock, "epoch": epoch, "kind": kind,
                  "mono_ms": mono, "seq": seq, "site": meta["site"], "wall_ms": wall}
        yield header, sha256(salt, payload.encode()) if payload is not None else digest, hash_, None


def from_jsonl(path):
    for line in open(path, encoding="utf-8"):
        record = json.loads(line)
        if "header" in record:
            if "payload" in record:
                digest = sha256(bytes.fromhex(record["salt"]), canonical(record["payload"]))
            else:
                digest = bytes.fromhex(record["digest"])
            yield record["header"], digest, bytes.fromhex(record["hash"]), bytes.fromhex(record.get("prev", ""))


def verify(records, heads, partial, seen):
    last, last_hash, last_epoch, known = 0, bytes(32), 1, {}
    for header, digest, hash_, prev in records:
        seq = header["seq"]
        if seq != last + 1:
            if not partial:
                yield f"record {seq}: follows record {last}, what was between is missing"
            last_hash = prev
        if prev and last_hash and prev != last_hash:
            yield f"record {seq}: the record before it is another one"
        if header["epoch"] < last_epoch:
            yield f"record {seq}: epoch {header['epoch']} after epoch {last_epoch}"
        if last_hash and sha256(last_hash, canonical(header), digest) != hash_:
            yield f"record {seq}: does not fit its hash"
        last, last_hash, last_epoch, known[seq] = seq, hash_, header["epoch"], hash_
        seen.append((last_epoch, seq, hash_.hex()))
    for epoch, seq, hash_ in heads:
        if seq > last:
            yield f"record {seq}: known outside, but the ledger ends at {last}"
        elif seq not in known or known[seq].hex() != hash_:
            yield f"record {seq}: not the one known outside"


def main(arguments):
    partial = "--partial" in arguments
    arguments = [argument for argument in arguments if argument != "--partial"]
    path, heads = arguments[0], []
    for flag, value in zip(arguments[1::2], arguments[2::2]):
        assert flag == "--head", flag
        epoch, seq, hash_ = value.split(":")
        heads.append((int(epoch), int(seq), hash_))
    with open(path, "rb") as file:
        records = from_sqlite(path) if file.read(15) == b"SQLite format 3" else from_jsonl(path)
    seen = []
    problems = list(verify(records, heads, partial, seen))
    head = ":".join(str(part) for part in (seen or [(1, 0, bytes(32).hex())])[-1])
    print("\n".join(problems) or f"sound: {len(seen)} records, head {head}")
    return 1 if problems else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (IndexError, AssertionError):
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, sqlite3.Error) as error:
        print(f"cannot be read: {error!r}", file=sys.stderr)
        sys.exit(2)
