"""What the provider costs, beside what others cost in the same run: `make bench`.

applicants   the rows that all of them send
peers        bare loops and the official SDK
ours         the provider's own rooms, ledger and write-back included
measuring    alternating repetitions, wall and CPU time, the machine
speed        sending at several latencies
staging      reading rows and storing them, beside a naive loop
duplicates   who creates people twice when answers get lost
"""
