"""What is done to the text of a page: cleaned once at the border, then hashed. Knows no Confluence and no database."""
