"""proof/gateway kill: the gateway is killed with -9 in the midst of uploads and started again, and its clients ask again.

Every round has two clients, each with an Idempotency-Key of its own. One is watched until it is in the phase that is wanted; a
random moment later the gateway is killed, wherever the other one is. Where each of them was is read from what the dead process
has left and from what the sandbox has seen."""

import json
import os
import random
import shutil
import sqlite3
import threading
import time

from gateway_processes import Folder, Gateway, Sandbox, Video, check_whole, fail, free_port, get, new_key, record, upload

KILLS = int(os.environ.get("KILLS", 12))
SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 32)))
CHANCE = random.Random(SEED)
PRICE = 1000
PHASES = ["receive", "append", "finalize", "processing", "conclude", "answering"]
# How long a phase may go on before the kill, at the most: they are slowed so that they last about as long.
LENGTHS = {"append": 1.2, "finalize": 0.5, "processing": 0.9}
SLOWED = """
[[faults]]
operation = "append"
fault = { kind = "slow_body", bytes_per_sec = 3000000 }
[[faults]]
operation = "finalize"
fault = { kind = "delay", millis = 250, moment = "after_body" }
[[faults]]
operation = "finalize"
fault = { kind = "delay", millis = 250, moment = "after_commit" }
[[processing.video]]
info = { state = "pending", check_after_secs = 1 }
[[processing.video]]
info = { state = "succeeded", progress_percent = 100 }
"""
# A body comes in over so many seconds.
RECEIVING = 1.5


class Client(threading.Thread):
    """Asks for one upload with one Idempotency-Key until it is answered."""

    def __init__(self, world, key, number):
        super().__init__(daemon=True)
        self.world, self.key = world, key
        self.idempotency_key = f"{SEED}-{number}"
        # No two have the same size: by that the sandbox's media are told apart.
        self.video = Video(SEED + number, 12_000_000 + 1001 * number)
        self.brought, self.known, self.answer, self.trying = 0.0, set(), None, False
        # One that is deaf hears no answer until this happens: what was answered by then is lost on the way.
        self.deaf = None

    def run(self):
        while True:
            self.known = {media["id"] for media in self.world.media(self)}
            self.brought, self.trying = 0.0, True
            try:
                status, headers, body = self.ask()
            except OSError:
                self.trying = False
                self.deaf = None
                time.sleep(0.05)
                continue
            except Exception as error:  # an answer that broke off
                self.trying = False
                if type(error).__module__ != "http.client" and not isinstance(error, json.JSONDecodeError):
                    raise
                time.sleep(0.05)
                continue
            if status == 200:
                self.answer = body
                return
            if status not in (409, 429, 502, 503, 504):
                self.answer = {"status": status, **body}
                return
            time.sleep(min(float(headers.get("Retry-After", 1)), 1.0))

    def ask(self, slowed=True):
        headers = {"Idempotency-Key": self.idempotency_key}
        slow, token = self.slow if slowed else list, self.world.sandbox.token
        return upload(self.world.url, self.key, token, self.video, headers, slow, self.deaf)

    def slow(self, parts):
        began, whole, sent = time.monotonic(), self.video.size * 4 / 3, 0
        for part in parts:
            for at in range(0, len(part), 65536):
                yield part[at : at + 65536]
                sent += len(part[at : at + 65536])
                self.brought = min(1.0, sent / whole)
                time.sleep(max(0.0, self.brought * RECEIVING - (time.monotonic() - began)))

    def seen(self):
        """What this try was at this moment, as far as the client knows: the media of earlier tries, and whether it is at it."""
        if self.answer is not None:
            return self.known, "answered"
        return self.known, "receive" if self.trying and self.brought > 0 else "before"

    def phase(self, seen=None):
        """Where this try is, by what the sandbox has seen of it."""
        known, phase = seen or self.seen()
        if phase == "answered":
            return phase
        media = [media for media in self.world.media(self) if media["id"] not in known]
        if not media:
            return phase
        newest = max(media, key=lambda media: int(media["id"]))
        answered = lambda operation: self.world.answered(operation, newest["id"])
        if newest["size"] < newest["total_bytes"]:
            return "append"
        if not answered("finalize"):
            return "finalize"
        return "conclude" if answered("status") else "processing"


class World:
    def __init__(self, folder, sandbox):
        self.folder, self.sandbox, self.port = folder, sandbox, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.concluded = 0
        self.start()

    def start(self):
        self.gateway = Gateway(self.folder, self.sandbox, port=self.port)

    def media(self, client):
        return [media for media in self.sandbox.control("media") if media["total_bytes"] == client.video.size]

    def of_this_try(self, client):
        return [media["id"] for media in self.media(client) if media["id"] not in client.known]

    def requests(self):
        """The number of the last request that the sandbox has answered."""
        return max((entry["number"] for entry in self.sandbox.control("log")), default=0)

    def answered(self, operation, media_id, since=0):
        """Whether the sandbox has answered this of a media well."""
        return any(
            entry["operation"] == operation
            and entry["media_id"] == media_id
            and entry["ending"] == {"answered": {"status": 200}}
            for entry in self.sandbox.control(f"log?since={since}")
        )

    def is_settled(self, client):
        ids = {media["id"] for media in self.media(client)}
        return any(media_id in ids for media_id, _ in self.ledger())

    def hold(self):
        """Takes the right to write to the gateway's database, for as long as it is not given back."""
        database = sqlite3.connect(os.path.join(self.gateway.folder, "gateway.db"), isolation_level=None, timeout=10)
        database.execute("BEGIN IMMEDIATE")
        return database

    def ledger(self):
        """What is settled, as (media id, amount): of a copy, as a kill leaves it."""
        with Folder() as copy:
            for name in ("gateway.db", "gateway.db-wal"):
                path = os.path.join(self.gateway.folder, name)
                if os.path.exists(path):
                    shutil.copy(path, copy)
            database = sqlite3.connect(os.path.join(copy, "gateway.db"))
            rows = database.execute("SELECT media_id, amount FROM ledger WHERE kind = 'settle'").fetchall()
            database.close()
        return rows


def wait_for(what, condition):
    late = time.monotonic() + 60
    while not condition():
        if time.monotonic() > late:
            fail(f"it never came to be: {what} (SEED={SEED})")


def kill(world, pair, wanted):
    """Kills the gateway at a random moment of the phase that is wanted of the first; where each of them was."""
    watched, held = pair[0], None
    if wanted == "receive":
        share = CHANCE.uniform(0.05, 0.95)
        wait_for("a body under way", lambda: watched.brought >= share)
    elif wanted == "conclude":
        wait_for("the processing", lambda: watched.phase() in ("processing", "conclude", "answered"))
        # Writing down the end takes a moment only. Every other time somebody else has the database just then, and it waits.
        world.concluded += 1
        if world.concluded % 2 == 1:
            held = world.hold()
        ids, since = world.of_this_try(watched), world.requests()
        wait_for("the last answer", lambda: any(world.answered("status", media_id, since) for media_id in ids))
        time.sleep(CHANCE.uniform(0.0, 0.2 if held else 0.002))
    elif wanted == "answering":
        wait_for("the charge", lambda: world.is_settled(watched))
        time.sleep(CHANCE.uniform(0.0, 0.2))
    else:
        wait_for(f"the phase {wanted}", lambda: watched.phase() in (*PHASES[PHASES.index(wanted) :], "answered"))
        time.sleep(CHANCE.uniform(0.0, LENGTHS[wanted]))
    seen = [client.seen() for client in pair]
    world.gateway.kill()
    if held:
        held.rollback()
        held.close()
    return [landed(world, client, seen) for client, seen in zip(pair, seen)]


def landed(world, client, seen):
    """Where a client's upload was when the gateway died."""
    phase = client.phase(seen)
    return "answering" if phase == "conclude" and world.is_settled(client) else phase


def main():
    print(f"SEED={SEED}", flush=True)
    # Every phase as often as any other, in no order.
    rounds = -(-KILLS // len(PHASES))
    wanted = [phase for _ in range(rounds) for phase in CHANCE.sample(PHASES, len(PHASES))][:KILLS]
    table, clients = [], []
    with Folder() as folder:
        settings = os.path.join(folder, "sandbox.toml")
        with open(settings, "w", encoding="utf-8") as out:
            out.write(SLOWED)
        keys = [new_key(folder, "watched"), new_key(folder, "other")]
        with Sandbox(folder, "--settings", settings) as sandbox:
            world = World(folder, sandbox)
            while wanted:
                phase, number = wanted.pop(0), len(clients)
                pair = [Client(world, keys[n], number + n) for n in (0, 1)]
                clients += pair
                killed = threading.Event()
                pair[0].deaf = killed if phase == "answering" else None
                pair[0].start()
                later = threading.Timer(CHANCE.uniform(0.0, 2.0), pair[1].start)
                later.start()
                table.append((phase, *kill(world, pair, phase)))
                print(f"kill {len(table):>2}: wanted {phase:<10} hit {table[-1][1]:<10} and {table[-1][2]}", flush=True)
                world.start()
                killed.set()
                later.join()
                for client in pair:
                    client.join(120)
                    if client.answer is None or "data" not in client.answer:
                        fail(f"{client.idempotency_key} has no result: {client.answer} (SEED={SEED})")
            check(world, clients, keys)
            world.gateway.__exit__()

    hits = [hit for row in table for hit in row[1:]]
    record(
        "kill",
        f"seed {SEED}, {KILLS} kills, {len(clients)} keys",
        {
            **{f"hit in {phase}": hits.count(phase) for phase in [*PHASES, "answered", "before"]},
            "settled": len(clients),
            "charged twice": 0,
            "results lost": 0,
        },
    )


def check(world, clients, keys):
    """One result and one charge for every key, and the result is whole."""
    ids = [client.answer["data"]["media_id"] for client in clients]
    if len(set(ids)) != len(ids):
        fail(f"two keys have one media (SEED={SEED})")
    for client, media_id in zip(clients, ids):
        check_whole(world.sandbox, media_id, client.video.sha256())
        status, headers, again = client.ask(slowed=False)
        if status != 200 or again != client.answer or headers.get("idempotent-replayed") != "true":
            fail(f"asked once more, {client.idempotency_key} is answered {status} {again} (SEED={SEED})")
    for key in keys:
        usage, wanted = get(f"{world.url}/usage", key), len(clients) // len(keys)
        told = (usage["calls"], usage["charged_micro_dollars"], usage["reserved_micro_dollars"])
        if told != (wanted, wanted * PRICE, 0):
            fail(f"{wanted} uploads, and the usage is {usage} (SEED={SEED})")
    settled = world.ledger()
    if sorted(settled) != sorted((media_id, PRICE) for media_id in ids):
        fail(f"the ledger has {settled} for {ids} (SEED={SEED})")


main()
