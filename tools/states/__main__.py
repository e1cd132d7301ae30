"""Prints the page."""

import sys

from tools.states.page import page

sys.stdout.write(page())
