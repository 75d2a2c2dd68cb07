"""The office: what people and programs do with the central system, whichever door they come in by."""
