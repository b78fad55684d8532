"""An extension of griffe, the reader of docstrings: it knows sections `Examples`, ours say `Example` as Keras does."""

from typing import Any

import griffe


class ExampleSections(griffe.Extension):
    """Makes each section `Example` one that is shown as code."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rename the section in the docstring of an object."""
        if obj.docstring:
            obj.docstring.value = obj.docstring.value.replace("\nExample:\n", "\nExamples:\n")
