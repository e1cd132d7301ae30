"""Docker images of a local cluster: those that users add, and those that agents pull from a registry.

An agent pulls every image with its curl, which is localmesos/libexec/curl.py: it answers with an added image, and
otherwise asks the registry (pulling.py, registry.py). Images are added to the store (store.py) from archives
(adding.py, archives.py, layers.py). busybox.py makes small images for tests.
"""
