"""Run dcmanon, a library without a command of its own, over a folder: SOURCE TARGET.

A file by itself, because it runs under the interpreter that has dcmanon.
"""

import sys
from pathlib import Path

from dcmanon import Anonymizer

source, target = map(Path, sys.argv[1:])
anonymizer = Anonymizer()
for path in sorted(source.iterdir()):
    (target / path.name).write_bytes(anonymizer.anonymize(str(path)))
