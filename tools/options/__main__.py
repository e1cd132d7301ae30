"""Rewrites the tables in docs/cli.md."""

from tools.options.page import PAGE, page

PAGE.write_text(page(), encoding="utf-8")
