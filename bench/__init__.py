"""What the provider costs, beside what others cost in the same run: `make bench`.

applicants   the rows that all of them send
peers        bare loops and the official SDK
ours         the provider's own rooms, ledger and write-back included
drt          drt-core, a reverse-ETL tool, in an environment of its own
mapped       one mapped Airflow task for each applicant
naive        the loop that people write first to store rows
measuring    alternating repetitions, wall and CPU time, the machine
speed        sending at several latencies
staging      reading rows and storing them, beside a naive loop
writing_back ids into a big table, beside a bare UPDATE
duplicates   who creates people twice when answers get lost
tables       the figures as Markdown
charts       and as SVG
cost         of a delivery here and in another checkout
page         what the page of Airflow's UI asks, on a big ledger
"""
