"""What was written by hand for training, packed, for it is much text: `tar -xJf training/tasks/wordings.tar.xz` shows it.

*.toml hold relations and papers (see relations.py), needles.tsv sentences for needles (needles.py), natural.tsv
questions about passages of the corpus, which are named by their hash (reading.py).
"""
import functools
import pathlib
import tarfile

ARCHIVE = pathlib.Path(__file__).parent / "wordings.tar.xz"


@functools.cache
def files():
    """{name: text}, in the archive's order."""
    with tarfile.open(ARCHIVE) as archive:
        return {member.name: archive.extractfile(member).read().decode() for member in archive}


def rows(name):
    """The lines of a .tsv, each a list of its fields."""
    return [line.split("\t") for line in files()[name].splitlines()]
