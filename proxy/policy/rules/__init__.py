"""One file per verb. To add one: write its file, and let ``app.generations`` make its rules from the settings."""
