"""What MkDocs calls while it builds the site: generated pages, links that leave docs/, search without a network.

Pages link to files of the repository (`../config.yaml`), as readers on a code host expect. The site does not hold
these files: with `repo_url` in mkdocs.yml such a link leads there, without it its text stays.
"""

import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))
from reference import PAGES

ROOT = Path(__file__).resolve().parents[2]
SHIM = "https://unpkg.com/iframe-worker/shim"
LINK = re.compile(r"\[([^\]]+)\]\((?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]+)?\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the reference pages."""
    for place, page in PAGES.items():
        files.append(File.generated(config, place, content=page()))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Turn links to files of the repository into links to its host, or into text."""
    here = (ROOT / "docs" / page.file.src_uri).parent

    def replaced(link: re.Match[str]) -> str:
        text, path, _ = link.groups()
        target = (here / path).resolve()
        if target.is_relative_to(ROOT / "docs") or not target.exists():
            return link[0]
        place = target.relative_to(ROOT).as_posix()
        return f"[{text}]({config.repo_url}/blob/main/{place})" if config.repo_url else text

    return LINK.sub(replaced, markdown)


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Load the site's own script where the theme would load one from elsewhere."""
    root = "../" * page.file.dest_uri.count("/")
    return output.replace(SHIM, f"{root}offline.js")


def on_post_template(output_content: str, template_name: str, config: Any) -> str:
    """The same for the page of errors."""
    return output_content.replace(SHIM, "/offline.js")
