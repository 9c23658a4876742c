import os, sys
w = os.environ.get("MECAPY_WORKSPACE", "/workspace")
p = w + "/in/main.py"
exec(compile(open(p,"rb").read(), p, "exec"), {"__name__": "__main__"})
