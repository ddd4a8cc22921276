"""What was written by hand for training, packed, for it is much text: `cmake -E tar xf training/tasks/wordings.7z` shows it
(7z for its PPMd, which packs text a quarter smaller than xz does: `7z a -m0=PPMd:o=8:mem=96m wordings.7z *`).

*.toml hold relations and papers (see relations.py), needles.tsv sentences for needles (needles.py), natural.tsv
questions about passages of the corpus, which are named by their hash (reading.py).
"""
import functools
import pathlib
import subprocess
import tempfile

ARCHIVE = pathlib.Path(__file__).parent.resolve() / "wordings.7z"


@functools.cache
def files():
    """{name: text}, by name."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["cmake", "-E", "tar", "xf", ARCHIVE], cwd=folder, check=True)
        return {path.name: path.read_text() for path in sorted(pathlib.Path(folder).iterdir())}


def rows(name):
    """The lines of a .tsv, each a list of its fields."""
    return [line.split("\t") for line in files()[name].splitlines()]
