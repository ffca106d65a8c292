"""Pictures of what OCR read: its boxes on the page, its text beside it. Needs Pillow, and pypdfium2 for PDFs."""
