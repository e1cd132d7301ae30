"""A message-level simulator: masters, agents, executors and the network between them and the scheduler's core.

Time is a number and every message is an entry of one timeline, so millions of messages pass in minutes, and a seed
gives the same history again. What cannot be timed on a real cluster happens here all the time: messages are dropped,
duplicated, reordered and late, masters fail over with nothing in their memory, agents come back from anywhere, and the
scheduler dies between any two things that it does.

| module | owns |
|---|---|
| `timeline.py` | time, and what happens when |
| `network.py` | the fate of each message |
| `agents.py`, `executors.py` | agents, what runs on them, and their statuses until they are acknowledged |
| `masters.py`, `offers.py` | the leading master, its memory, and what it offers and answers |
| `process.py`, `durable.py` | one run of the scheduler around the core's `step`, and the store that outlives it |
| `users.py`, `pods.py` | the workload, and what was acknowledged |
| `nemesis.py` | the faults |
| `checkers.py`, `conduct.py` | what must be true at every moment, at a checkpoint, and after a while without faults |
| `simulation.py` | all of it together |

It drives the pure core, the loop's batches and the numbering of events; the driver, HTTP and the stores' files are not
in it. What the driver promises is assumed: an ACCEPT is not sent twice or overtaken, and where UPDATE_FRAMEWORK or
RECONCILE cannot be delivered, the subscription ends. So is what TCP promises of a stream: the answers to one RECONCILE
arrive in order, or the stream ends.
"""
