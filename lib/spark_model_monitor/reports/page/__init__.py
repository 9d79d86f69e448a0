"""Renders a `documents.page.Page` as a self-contained HTML file, a static notebook and a PDF. Runs on the driver only."""
