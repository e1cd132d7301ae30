"""Programs that the agent starts and that libmesos lacks; launcher/build.py installs each as one file.

They import only the standard library and the modules of this package that launcher/build.py installs with them. They
run on CPython 3.7 or later, because the agent's machine provides the interpreter.
"""
