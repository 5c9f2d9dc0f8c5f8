"""Print constraints that hold every requirement at the oldest version that pyproject.toml allows.

`>=1.26` becomes `==1.26.*`: the last repair of that series. Names of extras as arguments add theirs.
"""

import re
import sys
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
wanted = [*project["dependencies"]]
for extra in sys.argv[1:]:
    wanted += project["optional-dependencies"][extra]
for requirement in wanted:
    bound = re.match(r"([A-Za-z0-9._-]+)(?:\[.*\])?>=([0-9.]+)", requirement)
    if bound is None:
        sys.exit(f"{requirement!r} in pyproject.toml has no lower bound")
    sys.stdout.write(f"{bound[1]}=={bound[2]}.*\n")
