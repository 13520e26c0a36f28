#!/usr/bin/env python3
"""Records what a real Toxiproxy answers: record.py PROGRAM. Writes golden.json beside this file.

The program: go install github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0
"""

import json
import pathlib
import sys

from cases import CASES
from transcript import play

if len(sys.argv) != 2:
    sys.exit(__doc__)
golden = {name: play([sys.argv[1]], steps) for name, steps in CASES.items()}
path = pathlib.Path(__file__).with_name("golden.json")
path.write_text(json.dumps(golden, indent=1) + "\n")
print(f"{path}: {sum(map(len, golden.values()))} answers")
