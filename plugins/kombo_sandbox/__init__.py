"""A local server that behaves as Kombo's documents say.

`python -m kombo_sandbox --port 8765 --state FILE` serves `/v1` (API key `sandbox-key`) and, for tests,
`/_sandbox/...`: config, faults, stats, change, reset, log. Which keys they take stands in `settings.py`
and `faults.py`. It shares no code with `kombo_provider`, so that it cannot share its mistakes, and needs
only the standard library.

    wire, server      HTTP/1.1 on asyncio: one thread, no lock, hundreds of slow requests for little CPU
    app               key, rate limit, integration, concurrency cap, scripted fault, answer
    validation, ...   what a request must look like
    records, journal  what the ATS holds, and the file that survives a kill
    views, reading    records in Kombo's official shapes, in pages
    testing           the server inside a test, or as a process of its own
"""
