"""Applicants from a SQL warehouse into applicant tracking systems, through Kombo."""

__version__ = "0.1.0"
