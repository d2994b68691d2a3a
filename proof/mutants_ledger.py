"""The results of proof/mutants, kept from one run to the next: begin | collect | score.

A mutant goes by its file, the text of the function it changes, its place in there and what it does: lines that move
change nothing, a function that changes is tried anew.
"""

import collections
import hashlib
import json
import pathlib
import re
import sys
import tomllib

command, out = sys.argv[1], pathlib.Path(sys.argv[2])
run = out / "mutants.out"
ledger_file, summary_file = pathlib.Path("proof/mutants-ledger.tsv"), pathlib.Path("proof/mutants.tsv")
equivalent_file = pathlib.Path("proof/mutants-equivalent.toml")
DONE = ("caught", "timeout", "unviable")


def mutants():
    """Every mutant of the list: its name, its key in the ledger, and how the list of equivalent ones calls it."""
    sources, seen = {}, collections.Counter()
    for mutant in json.load(open(out / "list.json")):
        file, name = mutant["file"], mutant["name"]
        lines = sources.setdefault(file, pathlib.Path(file).read_text().splitlines())
        span = (mutant.get("function") or mutant)["span"]
        text = "\n".join(lines[span["start"]["line"] - 1 : span["end"]["line"]])
        at = mutant["span"]["start"]
        does = re.sub(r"^[^ ]+: ", "", name)
        place = f"{at['line'] - span['start']['line']}:{at['column']}"
        key = f"{file}: {does} @ {place} {hashlib.sha1(text.encode()).hexdigest()[:12]}"
        called = (f"{file}: {does}", lines[at["line"] - 1].strip())
        seen[called] += 1
        yield name, key, (*called, seen[called])


def ledger():
    if not ledger_file.exists():
        return {}
    return dict(line.split("\t")[::-1] for line in ledger_file.read_text().splitlines())


def equivalent():
    """Mutants that no test can tell from the original, with the reason."""
    entries = tomllib.loads(equivalent_file.read_text()).get("equivalent", []) if equivalent_file.exists() else []
    assert all(entry["reason"].strip() for entry in entries), "an equivalent mutant without a reason"
    return {(e["mutant"], e["line"], e.get("nth", 1)) for e in entries}


def begin():
    known, explained = ledger(), equivalent()
    survivors = (out / "which").read_text().strip() == "survivors"
    skipped, names = [], {}
    for name, key, called in mutants():
        result = known.get(key)
        names[name] = key
        if result in DONE or called in explained or (survivors and result != "missed"):
            skipped.append(name)
    run.mkdir(exist_ok=True)
    for file in ("caught", "missed", "timeout", "unviable"):
        (run / f"{file}.txt").write_text("")
    (run / "previously_caught.txt").write_text("".join(f"{name}\n" for name in skipped))
    json.dump(names, open(out / "run.json", "w"))


def collect():
    known, names = ledger(), json.load(open(out / "run.json"))
    for result in ("caught", "missed", "timeout", "unviable"):
        file = run / f"{result}.txt"
        for name in file.read_text().splitlines() if file.exists() else ():
            if name in names:
                known[names[name]] = result
    write(known)


def write(known):
    ledger_file.write_text("".join(f"{result}\t{key}\n" for key, result in sorted(known.items())))


def score():
    known, explained = ledger(), equivalent()
    columns = ("mutants", "caught", "timeout", "unviable", "equivalent", "missed", "open")
    files, survivors, met, current = collections.defaultdict(collections.Counter), [], set(), {}
    for name, key, called in mutants():
        result = known.get(key, "open")
        if key in known:
            current[key] = result
        if called in explained and result not in DONE:
            result = "equivalent"
        elif result == "missed":
            survivors.append(name)
        met.add(called)
        files[called[0].split(":")[0]].update(("mutants", result))
    # What is no mutant any more says nothing.
    write(current)
    total = sum(files.values(), collections.Counter())
    rows = [("file", *columns)]
    for file, counts in [*sorted(files.items()), ("all", total)]:
        rows.append((file, *(str(counts[column]) for column in columns)))
    summary_file.write_text("".join("\t".join(row) + "\n" for row in rows))
    killed = total["caught"] + total["timeout"]
    viable = total["mutants"] - total["unviable"] - total["equivalent"] - total["open"]
    print(", ".join(f"{total[column]} {column}" for column in columns))
    print(f"score: {killed} of {viable} killed ({100 * killed / max(viable, 1):.2f} %)")
    for mutant, line, nth in sorted(explained - met):
        print(f"explained, but there is no such mutant: {mutant} at `{line}` ({nth})")
    for name in survivors:
        print(f"survives: {name}")
    sys.exit(1 if survivors or explained - met else 0)


{"begin": begin, "collect": collect, "score": score}[command]()
