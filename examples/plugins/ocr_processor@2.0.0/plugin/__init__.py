"""A sample plugin: it tidies lines of recognised text and lays them out."""
