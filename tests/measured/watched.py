"""A process that reads every pickle of a folder as the confined one does, and says what Python did meanwhile.

Arguments: the folder, "bounded" or "watched". Bounded: the limits of the product. Watched: an audit hook collects the
events that importing, compiling, opening and starting things raise.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

from nasc_sdk.errors import InputError
from nasc_search.measured import pickle_machine  # noqa: F401 # imported before the hook listens
from nasc_search.measured.confined import confine, peak_memory_bytes
from nasc_search.measured.hwnasbench import keep
from nasc_search.measured.pickle_machine import read_pickle

folder, how = Path(sys.argv[1]), sys.argv[2]
files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())} if how == "watched" else None
# Codecs and patterns load on first use.
"é".encode("latin-1").decode("raw-unicode-escape").encode("utf-8", "surrogatepass")
read_pickle(b"cnumpy\ndtype\n(X\x02\0\0\0f8K\x00K\x01tR.")
np.frombuffer(b"12345678", np.dtype("f8"))
events = []
listening = False


def listen(event, arguments):
    if listening:
        events.append(event)


answers = {}
if how == "watched":
    sys.addaudithook(listen)
else:
    confine()
for path in sorted(folder.iterdir()):
    data = files[path.name] if files else path.read_bytes()
    started = time.perf_counter()
    listening = True
    try:
        keep(read_pickle(data))
        answer = "read"
    except InputError as error:
        answer = str(error)
    except MemoryError:
        answer = "memory"
    listening = False
    answers[path.name] = (answer, time.perf_counter() - started)
sys.stdout.write(json.dumps({"answers": answers, "events": sorted(set(events)), "peak": peak_memory_bytes()}))
