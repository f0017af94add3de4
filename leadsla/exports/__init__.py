"""Exports of past leads, from any CRM or spreadsheet, read without being told how they are written."""
