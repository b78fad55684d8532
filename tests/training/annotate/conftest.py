"""A sitting without a browser: the session, and the server around it, on drawn codes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from edge.spec import Glyphs
from tests.training.annotate.sittings import write_codes
from training.annotate.aim import Aim
from training.annotate.cutter import Cutter
from training.annotate.journal import Journal
from training.annotate.pace import Pace
from training.annotate.pictures import Pictures
from training.annotate.screen import Screens, describe
from training.annotate.server import Server
from training.annotate.session import Session
from training.annotate.survey import survey_folder

TEXTS = ("7391", "2846")


@contextmanager
def begun(folder: Path, output: Path, labels: tuple[str, ...] = ()) -> Iterator[Session]:
    """The session of `eyespot annotate folder --regions glyphs:4 --output output`."""
    cutter = Cutter(Glyphs(4))
    with Journal(output, cutter.text, cutter.digits) as journal:
        survey = survey_folder(folder, cutter, output, lambda _: None)
        session = Session(survey.items, journal, Pictures(cutter).content, labels, Pace())
        session.rebuild()
        yield session


@contextmanager
def served(session: Session, folder: Path, host: str = "127.0.0.1") -> Iterator[Server]:
    """A server of that session, on a free port."""
    cutter = Cutter(Glyphs(4))
    pictures = Pictures(cutter)
    survey = survey_folder(folder, cutter, folder / "none", lambda _: None)
    about = describe(cutter.noun, session.labels, survey)
    with Server(host, 0, session, Screens(session, pictures, None), pictures, about) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def aim(session: Session, index: int) -> Aim:
    """What a page that is up to date sends for the item at `index`."""
    item = session.items[index]
    entry = session.answers.of(item.key)
    return Aim(index, item.key, entry.number if entry else 0)


@pytest.fixture
def codes(tmp_path: Path) -> Path:
    """A folder of two codes."""
    return write_codes(tmp_path / "codes", *TEXTS)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Where the labelled glyphs go."""
    return tmp_path / "dataset"


@pytest.fixture
def session(codes: Path, output: Path) -> Iterator[Session]:
    """A session about them."""
    with begun(codes, output) as session:
        yield session
