"""What is derived from the stored bodies, without asking Confluence."""
