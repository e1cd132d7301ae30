"""The HTTP API: Marathon's ``/v2/pods``, and the other calls that its clients need.

Reads the world; changes it only through requests to the event loop.
"""
