"""What a cell's run showed, in figures, and the table of all of them."""

import json

import cells

MEBIBYTE = 1024 * 1024

# Exit code of a run and of the whole matrix: what is worst in this order.
CODES = {"passed": 0, "failed": 1, "invalid": 3, "unknown": 4, "aborted": 5}
WORST_FIRST = ("aborted", "failed", "invalid", "unknown", "passed")

COLUMNS = (
    ("cell", "cell"), ("verdict", "verdict"), ("sent", "sent"), ("acked", "acked"),
    ("lost", "lost"), ("duplicated", "dup"), ("reordered", "reord"),
    ("indeterminate", "indet"), ("recovered_ms", "recovery"), ("p95_ms", "p95"),
    ("grown_bytes", "grown"), ("peak_bytes", "peak RSS"),
)


def figures_of(name, verdict):
    """One row: from a run's verdict.json. What the run did not show is None."""
    ledger = verdict.get("ledger") or {}
    load = verdict.get("load") or {}
    recovered = next((check for check in verdict.get("checks", [])
                      if check["check"] == "recovered"), {})
    grown, grown_by = None, None
    peak, peak_of = None, None
    for service, memory in (verdict.get("memory") or {}).items():
        if service in cells.SERVICES and (peak is None or memory["peak_bytes"] > peak):
            peak, peak_of = memory["peak_bytes"], service
        if service not in cells.FLAT or memory["before_bytes"] is None:
            continue
        growth = max(0, memory["peak_bytes"] - memory["before_bytes"])
        if grown is None or growth > grown:
            grown, grown_by = growth, service
    return {
        "cell": name,
        "verdict": verdict["verdict"],
        "reason": verdict.get("reason", ""),
        "run": verdict.get("name", ""),
        "seconds": round(verdict.get("duration_ms", 0) / 1000, 1),
        **{key: ledger.get(key) for key in ("sent", "acked", "lost", "duplicated", "reordered",
                                            "indeterminate", "stored_unacked")},
        "recovered_ms": (recovered.get("measured") or {}).get("recovered_ms"),
        "p95_ms": (load.get("latency") or {}).get("p95_ms"),
        "grown_bytes": grown,
        "grown_by": grown_by,
        "peak_bytes": peak,
        "peak_of": peak_of,
        "memory": verdict.get("memory") or {},
    }


def no_figures(name, verdict, reason):
    """A row of a cell whose run left no verdict."""
    return figures_of(name, {"verdict": verdict, "reason": reason})


def worst(rows):
    """The verdict of the whole; nothing run is unknown."""
    verdicts = {row["verdict"] for row in rows}
    return next((verdict for verdict in WORST_FIRST if verdict in verdicts), "unknown")


def duration(milliseconds):
    if milliseconds is None:
        return "-"
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    return f"{milliseconds / 1000:.1f} s"


def mebibytes(count, who):
    return "-" if count is None else f"{count / MEBIBYTE:.0f} MiB {who}"


def words_of(row):
    words = []
    for key, _ in COLUMNS:
        value = row[key]
        if key.endswith("_ms"):
            words.append(duration(value))
        elif key == "grown_bytes":
            words.append(mebibytes(value, row["grown_by"]))
        elif key == "peak_bytes":
            words.append(mebibytes(value, row["peak_of"]))
        else:
            words.append("-" if value is None else str(value))
    return words


def text(rows):
    lines = [[title for _, title in COLUMNS]] + [words_of(row) for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
    numbers = range(2, 10)
    out = []
    for line in lines:
        cells = [word.rjust(width) if i in numbers else word.ljust(width)
                 for i, (word, width) in enumerate(zip(line, widths))]
        out.append("  ".join(cells).rstrip())
    for row in rows:
        if row["verdict"] != "passed":
            out.append(f"\n{row['cell']}: {row['verdict']}: {row['reason']}")
            if row["run"]:
                out.append(f"  run {row['run']}")
    return "\n".join(out + ["", summary(rows)]) + "\n"


def markdown(rows):
    titles = [title for _, title in COLUMNS]
    rule = ["---" if i < 2 or i > 9 else "--:" for i in range(len(COLUMNS))]
    lines = [titles, rule] + [words_of(row) for row in rows]
    out = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join(out + ["", summary(rows)]) + "\n"


def document(rows):
    return json.dumps({"verdict": worst(rows), "cells": rows}, indent=1) + "\n"


FORMATS = {"text": text, "json": document, "markdown": markdown}


def summary(rows):
    counts = {verdict: sum(row["verdict"] == verdict for row in rows) for verdict in WORST_FIRST}
    said = ", ".join(f"{count} {verdict}" for verdict, count in reversed(counts.items()) if count)
    total = {key: sum(row[key] or 0 for row in rows)
             for key in ("sent", "acked", "lost", "duplicated")}
    return (f"{len(rows)} cells: {said or 'none'}. {total['sent']} events sent, {total['acked']} "
            f"acknowledged, {total['lost']} lost, {total['duplicated']} duplicated.")
