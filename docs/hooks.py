"""What MkDocs does beside the Markdown: files of the repository that pages link to, and the help of every command."""

import os
import re
import subprocess
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

# ruff: noqa: S603 - the program that it starts is eyespot

ROOT = Path(__file__).parent.parent
# A link from docs/ to a file elsewhere in the repository.
OUTSIDE = re.compile(r"\]\(\.\./([^)#]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Take the files into the site that pages link to, under their paths in the repository."""
    pages = sorted(Path(config.docs_dir).glob("*.md"))
    for name in sorted({name for page in pages for name in OUTSIDE.findall(page.read_text(encoding="utf-8"))}):
        if (ROOT / name).is_file():  # MkDocs says so where it is not
            files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Point links at these files, and add the help to the page of the command line."""
    text = OUTSIDE.sub(r"](\1", markdown)
    if page.file.src_uri == "command-line.md":
        text += "".join(f"\n## eyespot {name}\n\n```text\n{help_of(name)}```\n" for name in subcommands())
    return text


def subcommands() -> list[str]:
    """Return the names of all subcommands, in the order of `eyespot --help`."""
    return re.findall(r"^  ([a-z]+) ", help_of(), re.MULTILINE)


def help_of(*command: str) -> str:
    """Return what `eyespot COMMAND --help` prints, 100 columns wide."""
    program = [str(Path(sys.executable).with_name("eyespot")), *command, "--help"]
    done = subprocess.run(program, env=os.environ | {"COLUMNS": "100"}, capture_output=True, text=True, check=True)
    return done.stdout
