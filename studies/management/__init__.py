"""Commands of the portal: thin over the services."""
