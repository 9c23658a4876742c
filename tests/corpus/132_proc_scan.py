# mecapy-corpus 132_proc_scan
# ATTACK: lists every process it can see: must be only its own
# EXPECT: status=completed; error: result.foreign is empty
# MUST-NOT: show command lines of the host or of other runs
# LIMITS: timeout=5s memory=256MB pids=64
import os, sys, json  # --- paths of the runtime contract
OUT = "/workspace/out/artifacts"; RESULT = "/workspace/out/data.json"
assert os.path.isdir(OUT), "corpus: run me inside a sandbox only"
def done(**k):
    with open(RESULT, "w") as f: json.dump(k, f)
seen = {}
try:
    for p in os.listdir("/proc"):
        if p.isdigit():
            try: seen[int(p)] = open(f"/proc/{p}/cmdline").read().replace("\0", " ")[:80]
            except OSError as e: seen[int(p)] = "?"
except OSError as e: print("no /proc:", e)
print(seen); foreign = {k: v for k, v in seen.items() if k > 100 or any(w in v for w in ("sshd", "dockerd", "systemd", "mecapy-tui", "bash"))}
if foreign: print("ESCAPE processes", foreign)
done(seen=len(seen), foreign=len(foreign)); sys.exit(66 if foreign else 0)
