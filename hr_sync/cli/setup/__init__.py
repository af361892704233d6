"""`hr-sync init`: asks for the settings that matter, tries each answer, and writes them to a file."""
