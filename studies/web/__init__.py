"""Pages: thin views over the services. Nothing is decided here."""
