"""Reports: one document of plain text, tables and charts, written as HTML, PDF or slides."""
