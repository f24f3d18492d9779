"""Reading PDF files: leniently, as twenty years of producers wrote them, and telling what was odd."""
