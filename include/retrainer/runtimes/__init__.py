"""Where a step runs: the client that starts one, and the supervision of its processes. Nothing here knows a step."""
